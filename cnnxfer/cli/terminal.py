"""Output for people: results on stdout, progress and messages on stderr."""

from __future__ import annotations

import dataclasses
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from rich.console import Console
from rich.markup import escape

from cnnxfer.files import format_bytes, json_text
from cnnxfer.reporting import Advance, Reporter, printable

if TYPE_CHECKING:
    from rich.progress import Progress

_started = time.monotonic()


@dataclass
class Volume:
    """How much is printed on stderr, as `--quiet` and `--verbose` set it.

    Attributes:
        quiet: whether only errors and warnings are printed.
        verbose: whether messages have their time, and errors their causes.
    """

    quiet: bool = False
    verbose: bool = False


volume = Volume()


@cache
def stdout() -> Console:
    """Returns the console for results, which folds no lines in a pipe."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 1000
    return console


@cache
def stderr() -> Console:
    """Returns the console for progress, warnings and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(message: str) -> None:
    """Prints an error on one line on stderr; if verbose, then its traceback, too."""
    stderr().print(f"[bold red]error:[/] {escape(printable(message))}")
    if volume.verbose:
        traceback.print_exc()


def print_json(document: Any) -> None:
    """Prints a JSON document on stdout, which may contain dataclasses and paths."""
    print(json_text(document, indent=2, default=_to_json))


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


class TerminalReporter(Reporter):
    """Prints messages and progress bars on stderr; without a terminal, plain lines."""

    def __init__(self, *, bars: bool = True) -> None:
        """Starts without a progress bar.

        Args:
            bars: whether progress is drawn as a bar on a terminal, or as a plain line.
        """
        self.bars = bars
        self._bar: Progress | None = None  # while it is drawn

    @property
    def results(self) -> TextIO:
        """Stdout for results that are written while a progress bar is drawn."""
        return cast(TextIO, _BarHidingStream(sys.stdout, self))

    @contextmanager
    def bar_hidden(self) -> Iterator[None]:
        """Hides the progress bar, if one is drawn, while the block runs."""
        bar = self._bar
        if bar:
            bar.stop()
        yield
        if bar:
            bar.start()

    def info(self, message: str) -> None:
        """Prints a message on one line, unless quiet."""
        if volume.quiet:
            return
        elapsed = f"{time.monotonic() - _started:7.1f} s  " if volume.verbose else ""
        stderr().print(elapsed + escape(printable(message)))

    def warn(self, message: str) -> None:
        """Prints a warning on one line, even if quiet."""
        stderr().print(f"[yellow]warning:[/] {escape(printable(message))}")

    @contextmanager
    def progress(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Advance]:
        """Draws a progress bar, which disappears when the work is done."""
        bars = self.bars and stderr().is_terminal and not volume.verbose
        if volume.quiet or not bars:
            self.info(title)
            with super().progress(title, total, unit) as advance:
                yield advance
            return
        with _bar() as bar:
            self._bar = bar
            task = bar.add_task(escape(printable(title)), total=total, rate="", note="")

            def advance(steps: int = 1, note: str = "") -> None:
                rate = _rate(bar.tasks[task].speed, unit)
                bar.update(task, advance=steps, rate=rate)
                if note:
                    bar.update(task, note=escape(note))

            yield advance
            self._bar = None


class _BarHidingStream:
    """A stream that hides the progress bar while it writes."""

    def __init__(self, stream: TextIO, reporter: TerminalReporter) -> None:
        self._stream = stream
        self._reporter = reporter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._reporter.bar_hidden():
            written = self._stream.write(text)
            self._stream.flush()
        return written


def _rate(speed: float | None, unit: str) -> str:
    if not speed or not unit:
        return ""
    amount = format_bytes(speed) if unit == "bytes" else f"{speed:,.0f} {unit}"
    return f"{amount}/s"


def _bar() -> Progress:
    # Slow to import, and not needed for `cnnxfer --help`.
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
        redirect_stdout=False,  # it would redirect results to stderr
    )
