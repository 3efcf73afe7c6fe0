"""What all feeds that run Python code on TensorFlow's threads have in common."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

CLOSING_SECONDS = 5.0  # more than the largest picture takes


class Gate:
    """Has whoever ends a process wait for the code that makes batches.

    TensorFlow reads ahead on threads of its own. A Python process that ends while one
    of them is at work hangs for ever: each waits for the other. Once TensorFlow's
    buffers are full, nobody is.

    Attributes:
        closed: whether batches need not hold anything any more.
    """

    def __init__(self) -> None:
        """Opens it."""
        self.closed = False
        self._running = 0
        self._calls = 0
        self._lock = threading.Lock()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Has `close` wait for what a thread of TensorFlow does meanwhile."""
        with self._lock:
            self._running += 1
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def close(self) -> None:
        """Waits until nobody is at work any more."""
        self.closed = True
        deadline = time.monotonic() + CLOSING_SECONDS
        calls = -1
        while (self._running or calls != self._calls) and time.monotonic() < deadline:
            calls = self._calls
            time.sleep(0.05)


def prefetched(batches: tf.data.Dataset, device: str | None) -> tf.data.Dataset:
    """Prepares batches while the ones before compute, on their device if given."""
    if device is None:
        return batches.prefetch(2)
    return batches.apply(tf.data.experimental.prefetch_to_device(device, 2))
