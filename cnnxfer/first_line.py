"""Something on the screen at once, until the command has something better to show."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import Any, TextIO, cast

AFTER_SECONDS = 0.1  # a command that is faster shows its result at once
TEXT, ERASE = "starting cnnxfer", "\r\x1b[2K"


class _FirstLine:
    """A line on the terminal that makes way for whatever is written first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._shown = False
        self._streams = sys.stdout, sys.stderr
        # They stay alive: `print` goes on with a stream that it has itself replaced.
        self._watched = [_Watched(each, self) for each in self._streams]
        sys.stdout, sys.stderr = self._watched
        threading.Thread(target=self._show_soon, daemon=True).start()

    def _show_soon(self) -> None:
        if self._over.wait(AFTER_SECONDS):
            return
        with self._lock:
            if not self._over.is_set():
                self._write(TEXT)
                self._shown = True

    def erase(self) -> None:
        """Removes the line, if it is there."""
        with self._lock:
            if self._over.is_set():
                return
            self._over.set()
            if self._shown:
                self._write(ERASE)
            sys.stdout, sys.stderr = self._streams

    def _write(self, text: str) -> None:
        self._streams[1].write(text)
        self._streams[1].flush()


class _Watched:
    """A stream that erases the line before it is written to."""

    def __init__(self, stream: Any, line: _FirstLine) -> None:
        self._stream, self._line = stream, line

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "write", "writelines"):
            self._line.erase()
        return getattr(self._stream, name)


_line: _FirstLine | None = None


def show_first_line(words: Sequence[str]) -> None:
    """Says on a terminal that cnnxfer starts, unless something is written very soon.

    Args:
        words: those after `cnnxfer`.
    """
    global _line
    if _is_wanted(words):
        _line = _FirstLine()


def erase_first_line() -> None:
    """Removes the line, if nothing has."""
    if _line:
        _line.erase()


def after_first_line(stream: TextIO) -> TextIO:
    """Returns another stream to the terminal that removes the line when written to."""
    return cast(TextIO, _Watched(stream, _line)) if _line else stream


def _is_wanted(words: Sequence[str]) -> bool:
    if {"-q", "--quiet"}.intersection(words):
        return False
    if os.environ.get("TERM", "dumb") == "dumb" or None in (sys.stdout, sys.stderr):
        return False
    return sys.stderr.isatty()
