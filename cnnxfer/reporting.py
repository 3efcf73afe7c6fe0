"""How long-running work reports its progress.

Functions take a `Reporter`. Those of this module log or are silent; that of `console`
draws progress bars.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

SLOW_SECONDS = 2.0

Advance = Callable[..., None]  # advance(steps=1, note="")

_logger = logging.getLogger("cnnxfer")


class Reporter:
    """Sends messages to the standard logger and draws nothing."""

    def info(self, message: str) -> None:
        """Reports what is being done, or its result."""
        _logger.info(printable(message))

    def warn(self, message: str) -> None:
        """Reports something that a user should know and may want to change."""
        _logger.warning(printable(message))

    @contextmanager
    def progress(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Advance]:
        """Yields a function `advance(steps=1, note="")` for work that has steps.

        Args:
            title: a few words that say what is being done.
            total: the number of steps; None if it is not known.
            unit: what a step is, such as "images" or "bytes", for the displayed rate.
        """

        def advance(steps: int = 1, note: str = "") -> None:
            pass

        yield advance


class SilentReporter(Reporter):
    """Drops all messages."""

    def info(self, message: str) -> None:
        """Drops a message."""

    def warn(self, message: str) -> None:
        """Drops a warning."""


@contextmanager
def told_if_slow(reporter: Reporter, message: str) -> Iterator[None]:
    """Reports what is being done if the block takes over `SLOW_SECONDS`.

    It is for work that usually takes no time.
    """
    timer = threading.Timer(SLOW_SECONDS, reporter.info, [message])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun, such as "1 image" or "1,000 images"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def duration(seconds: float) -> str:
    """Returns a time in at most two units, such as "8.4 s", "12 min 5 s" or "3 h"."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min" + f" {rest} s" * (rest > 0)
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h" + f" {rest} min" * (rest > 0)


def listed(names: Iterable[str]) -> str:
    """Returns names, at least one, as "a", "a and b" or "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def printable(text: str) -> str:
    """Returns `text` on one line, with unprintable characters as escapes.

    File names may contain newlines, control sequences and bytes that are not UTF-8.
    """
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in text
    )
