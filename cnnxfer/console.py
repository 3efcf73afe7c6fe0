"""Messages and progress bars on a terminal or in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cnnxfer.files import format_bytes
from cnnxfer.reporting import Advance, Reporter, printable

if TYPE_CHECKING:  # slow to import
    from rich.console import Console
    from rich.progress import Progress


@cache
def stderr() -> Console:
    """Returns the console for progress, warnings and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


class ConsoleReporter(Reporter):
    """Shows messages and progress bars where stderr is a terminal, or in a notebook.

    Elsewhere, messages go to the standard logger "cnnxfer".
    """

    def __init__(self) -> None:
        """Starts without a progress bar."""
        self._bar: Progress | None = None  # while it is drawn

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
        """Shows a message on one line."""
        self._show(message) if self.shows else super().info(message)

    def warn(self, message: str) -> None:
        """Shows a warning on one line."""
        if self.shows:
            self._show(message, "[yellow]warning:[/] ")
        else:
            super().warn(message)

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
        with self._drawn_bar() as bar:
            number = bar.add_task(_safe(title), total=total, rate="", note="")
            task = bar.tasks[-1]

            def advance(steps: int = 1, note: str = "") -> None:
                bar.update(number, advance=steps, rate=_rate(task.speed, unit))
                if note:
                    bar.update(number, note=_safe(note))

            try:
                yield advance
            finally:
                if len(bar.task_ids) > 1:  # the last one is drawn once more at the end
                    bar.remove_task(number)

    @contextmanager
    def _drawn_bar(self) -> Iterator[Progress]:
        if self._bar:  # one display shows all the work that is under way
            yield self._bar
            return
        with _new_bar() as self._bar:
            try:
                yield self._bar
            finally:
                self._bar = None

    def _show(self, message: str, label: str = "") -> None:
        stderr().print(label + _safe(message))


CONSOLE = ConsoleReporter()


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))


def _rate(speed: float | None, unit: str) -> str:
    if not speed or not unit:
        return ""
    amount = format_bytes(speed) if unit == "bytes" else f"{speed:,.0f} {unit}"
    return f"{amount}/s"


def _new_bar() -> Progress:
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[note]}"),
        console=stderr(),
        transient=True,
        # Results in a file would go to stderr; and there may be no stdout at all.
        redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
    )
