"""Messages and progress bars on a terminal or in a notebook."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, TextIO

from cnnxfer.files import format_bytes
from cnnxfer.first_line import after_first_line
from cnnxfer.reporting import Advance, Note, Reporter, Result, printable
from cnnxfer.time_left import Forecast

if TYPE_CHECKING:  # slow to import
    from rich.console import Console
    from rich.live import Live

    from cnnxfer.progress_line import Line

FRAMES_PER_SECOND = 10


@cache
def stderr() -> Console:
    """Returns the console for progress, warnings and errors."""
    from rich.console import Console

    return Console(stderr=True, file=_own_terminal(), highlight=False, soft_wrap=True)


def _own_terminal() -> TextIO | None:
    """Returns a stream of our own to the terminal that is stderr; None without one.

    What libraries print is kept away by redirecting stderr (see `quiet`). Progress goes
    on meanwhile.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    encoding, number = sys.stderr.encoding, os.dup(sys.stderr.fileno())
    stream = os.fdopen(number, "w", encoding=encoding, errors="backslashreplace")
    return after_first_line(stream)


class ConsoleReporter(Reporter):
    """Shows messages and progress bars where stderr is a terminal, or in a notebook.

    Elsewhere, messages go to the standard logger "cnnxfer".
    """

    def __init__(self) -> None:
        """Starts without a progress bar."""
        self._live: Live | None = None  # while something is drawn
        self._lines: list[Line] = []  # of the work that is under way
        self._forecast = Forecast()

    def __repr__(self) -> str:
        return "CONSOLE"

    @property
    def shows(self) -> bool:
        """Whether messages are shown, and not logged."""
        return stderr().is_terminal or stderr().is_jupyter

    @property
    def draws(self) -> bool:
        """Whether progress is drawn as a bar; notebooks need `ipywidgets` for that."""
        is_drawable = stderr().is_jupyter and find_spec("ipywidgets") is not None
        return stderr().is_terminal or is_drawable

    def info(self, message: str) -> None:
        """Shows a message."""
        show(message) if self.shows else super().info(message)

    def warn(self, message: str) -> None:
        """Shows a warning."""
        if self.shows:
            show(message, label="warning: ", style="yellow")
        else:
            super().warn(message)

    def result(self, result: Result) -> None:
        """Shows a result, louder than what came before."""
        if self.shows:
            show_result(result, stderr())
        else:
            super().result(result)

    @contextmanager
    def progress(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Advance]:
        """Draws a progress bar, which disappears when the work is done."""
        if not self.draws:
            self.info(title)
            with super().progress(title, total, unit) as advance:
                yield advance
            return
        work = self._forecast.begin(total, unit)
        with self._drawn(title) as line:
            line.share = None if total is None else 0.0

            def advance(steps: int = 1, *notes: Note) -> None:
                line.left = self._forecast.advance(work, steps)
                line.notes = notes or line.notes
                line.rate = _rate(work.speed, unit)
                if total is not None:
                    line.share = work.done / max(total, 1)

            yield advance

    @contextmanager
    def wait(self, title: str, unit: str = "") -> Iterator[None]:
        """Shows what the block is busy with while it runs."""
        if not self.draws:
            yield
            return
        work = self._forecast.begin(1, unit)
        with self._drawn(title) as line:
            line.notable = False
            yield
        self._forecast.advance(work, 1)

    def expecting(self, steps: float, unit: str) -> AbstractContextManager[object]:
        """Adds more work after the block to the time that is left."""
        return self._forecast.expecting(steps, unit)

    @contextmanager
    def _drawn(self, title: str) -> Iterator[Line]:
        """Draws a line while the block runs, below those of the work around it."""
        from cnnxfer.progress_line import Line

        line = Line(printable(title))
        self._lines.append(line)
        try:
            if self._live:  # one display shows all the work that is under way
                yield line
                return
            with self._new_display() as self._live:
                try:
                    yield line
                finally:
                    self._live = None
        finally:
            self._lines.remove(line)

    def _shown_lines(self) -> list[Line]:
        """Returns the lines, but for waits around other work, which tells more."""
        return [line for line in self._lines if line.notable or line is self._lines[-1]]

    def _new_display(self) -> Live:
        from rich.console import Group
        from rich.live import Live

        return Live(
            get_renderable=lambda: Group(*self._shown_lines()),
            console=stderr(),
            transient=True,
            refresh_per_second=FRAMES_PER_SECOND,
            # Results in a file would go to stderr; and there may be no stdout at all.
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )


CONSOLE = ConsoleReporter()


def show(message: str, label: str = "", style: str = "") -> None:
    """Prints a message on stderr; on a terminal, it is folded between words."""
    from rich.text import Text

    console = stderr()
    width = console.width if console.is_terminal else 0
    text = folded(label + printable(message), width)
    shown = Text(text)
    shown.stylize(style, 0, len(label.rstrip()))
    console.print(shown)


def show_result(result: Result, console: Console) -> None:
    """Prints a result: its headline in bold, and what belongs to it below."""
    from rich.text import Text

    headline, *details = map(printable, result.lines)
    width = console.width if console.is_terminal else 0
    shown = Text(folded(headline, width, indent=2), "bold")
    shown.stylize("green" if result.good else "red", 0, 1)
    console.print(shown, soft_wrap=True)
    start = max((len(word) for word, text in result.details if text), default=0) + 4
    for detail in details:
        is_one = " " not in detail[start:]  # such as a path
        shown = Text(folded(detail, 0 if is_one else width, indent=start))
        shown.stylize("dim", 0, start)
        console.print(shown, soft_wrap=True)


# That a message may end with, to be pasted.
_COMMAND = re.compile(r"(?<=[: ] )cnnxfer .*")


def folded(text: str, width: int, indent: int = 0) -> str:
    """Returns text with newlines between words, so that no line is longer than a width.

    A command that it ends with stays whole.

    Args:
        text: the text, on one line.
        width: the number of columns; 0 to leave the text as it is.
        indent: by how many columns lines after the first are indented.
    """
    if not width or len(text) <= width:
        return text
    found = _COMMAND.search(text)
    words, command = (text[: found.start()], found[0]) if found else (text, "")
    lines = textwrap.wrap(
        words,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    gap = words[len(words.rstrip()) :]
    if len(lines[-1] + gap + command) > width >= indent + len(command):
        lines.append(" " * indent + command)
    else:
        lines[-1] += gap + command
    return "\n".join(lines)


def _rate(speed: float | None, unit: str) -> str:
    if not speed or not unit:
        return ""
    amount = format_bytes(speed) if unit == "bytes" else f"{speed:,.0f} {unit}"
    return f"{amount}/s"
