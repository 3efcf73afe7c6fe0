"""How long-running work reports its progress, and a command its result.

Functions take a `Reporter`. Those of this module log or are silent; that of `console`
draws progress bars.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

Advance = Callable[..., None]  # advance(steps=1, *notes)

_logger = logging.getLogger("cnnxfer")


@dataclass(frozen=True)
class Note:
    """A figure beside a progress bar, such as "validation accuracy 95.2%".

    Attributes:
        text: the figure with its name.
        short: the same for a narrow terminal; "" if `text` is short enough.
        spare: whether it is left out where room is short.
    """

    text: str
    short: str = ""
    spare: bool = False


@dataclass(frozen=True)
class Result:
    """What came of a command, which is told at its end, louder than all else.

    Attributes:
        headline: the answer in one line.
        details: a word and what belongs to it, such as "saved" and a path; what is ""
            is left out.
        good: whether it is what was hoped for.
    """

    headline: str
    details: tuple[tuple[str, str], ...] = ()
    good: bool = True

    @property
    def lines(self) -> list[str]:
        """The result as lines of text."""
        told = [(word, text) for word, text in self.details if text]
        width = max((len(word) for word, _ in told), default=0)
        return [
            f"{'✓' if self.good else '✗'} {self.headline}",
            *(f"  {word:{width}}  {text}" for word, text in told),
        ]


class Reporter:
    """Sends messages to the standard logger and draws nothing."""

    def info(self, message: str) -> None:
        """Reports what is being done, or what came of it."""
        _logger.info(printable(message))

    def detail(self, message: str) -> None:
        """Reports what only those want to know who look for it."""
        _logger.debug(printable(message))

    def warn(self, message: str) -> None:
        """Reports something that a user should know and may want to change."""
        _logger.warning(printable(message))

    def result(self, result: Result) -> None:
        """Reports what came of all the work."""
        for line in result.lines:
            self.info(line)

    @contextmanager
    def progress(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Advance]:
        """Yields a function `advance(steps=1, *notes)` for work that has steps.

        Args:
            title: a few words that say what is being done.
            total: the number of steps; None if it is not known.
            unit: what a step is, such as "images" or "bytes", for the displayed rate.
        """

        def advance(steps: int = 1, *notes: Note) -> None:
            pass

        yield advance

    def wait(self, title: str, unit: str = "") -> AbstractContextManager[object]:
        """Says, where somebody looks on, what the block is busy with.

        It is for work without steps that may take a second, and nothing to read later.

        Args:
            title: a few words that say what is being done.
            unit: what the block is one of, for `expecting`; "" if no more follow.
        """
        return nullcontext()

    def expecting(self, steps: float, unit: str) -> AbstractContextManager[object]:
        """Says that more work follows after the block, for the time that is left.

        Args:
            steps: how much work.
            unit: what a step is, as in `progress`, which tells how long one takes.
        """
        return nullcontext()


class SilentReporter(Reporter):
    """Drops all messages."""

    def info(self, message: str) -> None:
        """Drops a message."""

    def detail(self, message: str) -> None:
        """Drops a detail."""

    def warn(self, message: str) -> None:
        """Drops a warning."""


class ForwardingReporter(Reporter):
    """Hands on everything to another reporter; subclasses change some of it."""

    def __init__(self, reporter: Reporter) -> None:
        """Takes the reporter that gets everything."""
        self._reporter = reporter

    def info(self, message: str) -> None:
        """Hands on a message."""
        self._reporter.info(message)

    def detail(self, message: str) -> None:
        """Hands on a detail."""
        self._reporter.detail(message)

    def warn(self, message: str) -> None:
        """Hands on a warning."""
        self._reporter.warn(message)

    def result(self, result: Result) -> None:
        """Hands on a result."""
        self._reporter.result(result)

    @contextmanager
    def progress(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Advance]:
        """Hands on progress."""
        with self._reporter.progress(title, total, unit) as advance:
            yield advance

    def wait(self, title: str, unit: str = "") -> AbstractContextManager[object]:
        """Hands on what the block is busy with."""
        return self._reporter.wait(title, unit)

    def expecting(self, steps: float, unit: str) -> AbstractContextManager[object]:
        """Hands on what follows."""
        return self._reporter.expecting(steps, unit)


class LoggingReporter(ForwardingReporter):
    """Hands on everything, and keeps all messages in a file, details included."""

    def __init__(self, reporter: Reporter, path: Path) -> None:
        """Takes the reporter that gets everything, and the file to add lines to."""
        super().__init__(reporter)
        self._path = path

    def info(self, message: str) -> None:
        """Keeps and hands on a message."""
        self._keep(message)
        super().info(message)

    def detail(self, message: str) -> None:
        """Keeps and hands on a detail."""
        self._keep(message)
        super().detail(message)

    def warn(self, message: str) -> None:
        """Keeps and hands on a warning."""
        self._keep(f"warning: {message}")
        super().warn(message)

    def result(self, result: Result) -> None:
        """Keeps and hands on a result."""
        for line in result.lines:
            self._keep(line)
        super().result(result)

    def _keep(self, message: str) -> None:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        # What is told elsewhere, too, is not worth the work.
        with suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(f"{now}  {printable(message)}\n")


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
