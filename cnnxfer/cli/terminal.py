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

from cnnxfer.console import ConsoleReporter, stderr
from cnnxfer.files import json_text
from cnnxfer.reporting import Result, printable

if TYPE_CHECKING:  # slow to import
    from rich.console import Console

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
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 1000
    return console


def print_error(message: str) -> None:
    """Prints an error on one line on stderr; if verbose, then its traceback, too."""
    from rich.markup import escape

    stderr().print(f"[bold red]error:[/] {escape(printable(message))}")
    if volume.verbose:
        traceback.print_exc()


def print_json(document: Any) -> None:
    """Prints a JSON document on stdout, which may contain dataclasses and paths."""
    encoding = sys.stdout.encoding
    print(json_text(document, indent=2, default=_to_json, encoding=encoding))


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


class TerminalReporter(ConsoleReporter):
    """Prints messages and progress bars on stderr; without a terminal, plain lines."""

    shows = True

    def __init__(self, *, bars: bool = True) -> None:
        """Starts without a progress bar.

        Args:
            bars: whether progress is drawn as a bar on a terminal, or as a plain line.
        """
        super().__init__()
        self.bars = bars

    @property
    def draws(self) -> bool:
        """Whether progress is drawn as a bar."""
        return self.bars and super().draws and not (volume.quiet or volume.verbose)

    @property
    def results(self) -> TextIO:
        """Stdout for results that are written while a progress bar is drawn."""
        return cast(TextIO, _BarHidingStream(sys.stdout, self))

    @contextmanager
    def bar_hidden(self) -> Iterator[None]:
        """Hides the progress bar, if one is drawn, while the block runs."""
        drawn = self._live
        if drawn:
            drawn.stop()
        yield
        if drawn:
            drawn.start()

    def info(self, message: str) -> None:
        """Prints a message on one line, unless quiet; if verbose, with its time."""
        if not volume.quiet:
            elapsed = time.monotonic() - _started
            super().info(f"{elapsed:7.1f} s  " * volume.verbose + message)

    def detail(self, message: str) -> None:
        """Prints a message if verbose."""
        if volume.verbose:
            self.info(message)

    def result(self, result: Result) -> None:
        """Prints a result, unless quiet."""
        if not volume.quiet:
            super().result(result)

    @contextmanager
    def wait(self, title: str, unit: str = "") -> Iterator[None]:
        """Shows what the block is busy with; if verbose, as a message."""
        self.detail(title)
        with super().wait(title, unit):
            yield


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
