"""Ctrl-C, SIGTERM and SIGHUP: noted at once, and acted on where it is safe to stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# A terminal that is closed, or a connection of ssh, sends SIGHUP.
ENDING = (signal.SIGTERM, signal.SIGHUP)
SIGNALS = (signal.SIGINT, *ENDING)


class Stop:
    """Whether the work has been asked to stop: `requested`, once a signal arrived."""

    def __init__(self) -> None:
        """Starts without a request to stop."""
        self.requested = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Notes the first signal; the second raises `KeyboardInterrupt` at once."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yields a `Stop` that Ctrl-C, SIGTERM and SIGHUP set, for the work to look at.

    The previous signal handlers are restored afterwards. Only the main thread can
    have signal handlers: in other threads, nothing changes and the stop is never set.
    """
    stop = Stop()
    with _handled_by(stop.handle, SIGNALS):
        yield stop


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Makes SIGTERM and SIGHUP raise `KeyboardInterrupt`, as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled_by(interrupt, ENDING):
        yield


@contextmanager
def _handled_by(
    handler: Callable[[int, FrameType | None], Any], numbers: tuple[signal.Signals, ...]
) -> Iterator[None]:
    previous: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            # A background job of a shell goes on ignoring what it ignores, and a
            # handler that Python has not installed (None) could not be restored.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                previous[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous_handler in previous.items():
            signal.signal(number, previous_handler)
