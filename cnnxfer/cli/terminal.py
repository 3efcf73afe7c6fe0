"""What a person sees: results on stdout, progress and messages on stderr."""

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
    """How much is said on stderr, as `--quiet` and `--verbose` set it.

    Attributes:
        quiet: errors and warnings only.
        verbose: messages with their time, errors with their causes.
    """

    quiet: bool = False
    verbose: bool = False


volume = Volume()


@cache
def stdout() -> Console:
    """Returns the console for results: in a pipe, nothing is folded."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 1000
    return console


@cache
def stderr() -> Console:
    """Returns the console for progress, warnings and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(message: str) -> None:
    """Prints one line to stderr; if verbose, then the exception being handled."""
    stderr().print(f"[bold red]error:[/] {escape(printable(message))}")
    if volume.verbose:
        traceback.print_exc()


def print_json(document: Any) -> None:
    """Prints one JSON document on stdout; dataclasses and paths are understood."""
    print(json_text(document, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


class TerminalReporter(Reporter):
    """Messages and progress bars on stderr; without a terminal, plain lines."""

    def __init__(self, *, bars: bool = True) -> None:
        """Without `bars`, progress is a plain line on a terminal too."""
        self.bars = bars
        self._bar: Progress | None = None  # while it is drawn

    @property
    def results(self) -> TextIO:
        """Stdout, for results that come while a bar is drawn: it steps aside."""
        return cast(TextIO, _Aside(sys.stdout, self))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Takes the bar away, if one is drawn, and puts it back."""
        bar = self._bar
        if bar:
            bar.stop()
        yield
        if bar:
            bar.start()

    def info(self, message: str) -> None:
        """Prints one line, unless quiet."""
        if volume.quiet:
            return
        elapsed = f"{time.monotonic() - _started:7.1f} s  " if volume.verbose else ""
        stderr().print(elapsed + escape(printable(message)))

    def warn(self, message: str) -> None:
        """Prints one line, even when quiet."""
        stderr().print(f"[yellow]warning:[/] {escape(printable(message))}")

    @contextmanager
    def progress(
        self, title: str, total: int | None = None, unit: str = ""
    ) -> Iterator[Advance]:
        """Draws one bar while the work lasts; it is gone afterwards."""
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


class _Aside:
    """A stream that writes where no bar is."""

    def __init__(self, stream: TextIO, reporter: TerminalReporter) -> None:
        self._stream = stream
        self._reporter = reporter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._reporter.aside():
            written = self._stream.write(text)
            self._stream.flush()
        return written


def _rate(speed: float | None, unit: str) -> str:
    if not speed or not unit:
        return ""
    amount = format_bytes(speed) if unit == "bytes" else f"{speed:,.0f} {unit}"
    return f"{amount}/s"


def _bar() -> Progress:
    # Slow to import, and `cnnxfer --help` does without.
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
        redirect_stdout=False,  # it would send results to stderr
    )
