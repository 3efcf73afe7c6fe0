"""Lets a process end safely while TensorFlow's threads run Python code."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

CLOSING_SECONDS = 5.0  # more than the largest image takes


class Gate:
    """Makes `close` wait for the code that makes batches.

    TensorFlow makes batches ahead, on threads of its own. A Python process that ends
    while one of these runs Python code hangs for ever: each waits for the other. Once
    TensorFlow's buffers are full, none of them runs.

    Attributes:
        closed: whether the contents of batches no longer matter.
    """

    def __init__(self) -> None:
        """Starts open."""
        self.closed = False
        self._running = 0
        self._calls = 0
        self._lock = threading.Lock()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Returns a context that `close` waits for; it makes a batch inside."""
        with self._lock:
            self._running += 1
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def close(self) -> None:
        """Waits until no batch is being made; at most `CLOSING_SECONDS`."""
        self.closed = True
        deadline = time.monotonic() + CLOSING_SECONDS
        calls = -1
        while (self._running or calls != self._calls) and time.monotonic() < deadline:
            calls = self._calls
            time.sleep(0.05)
