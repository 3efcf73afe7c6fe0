"""Ctrl-C and SIGTERM: heard at once, obeyed where it is safe."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether somebody wants the work to end.

    Attributes:
        asked: by a signal that came.
    """

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.asked = False

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Notes the first signal; the second one interrupts whatever is done now."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def listening() -> Iterator[Stop]:
    """Has Ctrl-C and SIGTERM ask for a stop, which whoever works looks for.

    The handlers of before come back. Only the main thread can have any: elsewhere
    nothing changes, and nobody asks.
    """
    stop = Stop()
    with _handled(stop.hear, SIGNALS):
        yield stop


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Has SIGTERM do what Ctrl-C does: raise `KeyboardInterrupt`."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt, (signal.SIGTERM,)):
        yield


@contextmanager
def _handled(
    handler: Callable[[int, FrameType | None], Any], numbers: tuple[signal.Signals, ...]
) -> Iterator[None]:
    former: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            # What a background job of a shell ignores, it goes on to ignore; and a
            # handler that is not Python's could not be put back.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                former[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, before in former.items():
            signal.signal(number, before)
