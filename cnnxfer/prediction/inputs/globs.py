"""Patterns to what they match."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator

from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs.kinds import FILE, Kind, find_kind
from cnnxfer.registry import did_you_mean


def resolve(item: str) -> Iterator[tuple[Kind, str]]:
    """Yields what an input stands for: itself, or the matches of a pattern, sorted.

    What exists by its name is taken for itself, whatever characters are in it.

    Raises:
        DataError: if there is no such thing.
    """
    if kind := find_kind(item):
        yield kind, item
        return
    matches = sorted(glob.glob(item, recursive=True)) if glob.has_magic(item) else []
    if not matches:
        raise DataError(f"no file, folder or match for {item!r}.{near(item)}")
    # `**` matches the folders too, whose files it has matched already.
    files = [match for match in matches if not os.path.isdir(match)]
    for match in files or matches:
        yield find_kind(match) or FILE, match  # it may be gone in the meantime


def near(path: str) -> str:
    """Returns a sentence on what is there instead of a path, after a space, or ""."""
    folder, name = os.path.split(path)
    if folder and not os.path.isdir(folder):
        return f" There is no folder {folder}."
    try:
        return did_you_mean(name, os.listdir(folder or "."))
    except OSError:
        return ""
