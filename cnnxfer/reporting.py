"""How long work tells what it does, without knowing who listens.

Functions take a `Reporter`. From Python, it is the standard logger "cnnxfer"; the
command line passes one that draws progress bars on stderr.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[..., None]  # advance(steps=1, note="")

_logger = logging.getLogger("cnnxfer")


class Reporter:
    """Sends messages to the standard logger and draws nothing."""

    def info(self, message: str) -> None:
        """Says what is being done or what came of it."""
        _logger.info(message)

    def warn(self, message: str) -> None:
        """Says what a user should know and may want to change."""
        _logger.warning(message)

    @contextmanager
    def progress(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Advance]:
        """Yields `advance(steps=1, note="")` for work of `total` steps.

        Args:
            title: what is being done, in a few words.
            total: number of steps; None if it is not known.
            unit: what a step is ("images", "bytes"), for the rate that is shown.
        """

        def advance(steps: int = 1, note: str = "") -> None:
            pass

        yield advance


def counted(number: int, noun: str) -> str:
    """Returns such as "1 image" or "1,000 images"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def printable(text: str) -> str:
    """Returns `text` on one line, in escapes where a terminal would act on it.

    Names of files may hold newlines, control sequences, and bytes that are not UTF-8.
    """
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in text
    )
