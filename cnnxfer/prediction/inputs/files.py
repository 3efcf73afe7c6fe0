"""A file, whatever its suffix: it is named, so it is meant."""

from __future__ import annotations

from collections.abc import Iterator

from cnnxfer.data.images.source import ImageSource, of_file, unreadable
from cnnxfer.prediction.inputs.kinds import InputOptions


def check(item: str, options: InputOptions) -> None:
    """Accepts it: a file that can't be read is reported in its place."""


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the one image."""
    if "\0" in item:  # no system has such a file, and Python refuses to ask
        yield unreadable(item, "no such file or directory")
    else:
        yield of_file(item)


def count(item: str, options: InputOptions) -> int:
    """Returns one."""
    return 1
