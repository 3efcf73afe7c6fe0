"""What reading images told, kept for as long as their files stay as they are."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.images.decode import DECODER
from cnnxfer.files import cache_dir, read_sealed, write_sealed

# The number goes up when images are looked at in another way, as `DECODER` tells when
# they are decoded in another.
READING = 2
# All that a row tells beside its example, and the image's hash before.
TOLD = tuple(field.name for field in fields(IndexRow))[1:]
# Path, place in the file, and the file's size and time: what changes with an image.
Stamp = tuple[str, int, int | None, int, int]
Kept = dict[Stamp, tuple[Any, ...]]


def stamp_all(examples: Iterable[Example]) -> list[Stamp | None]:
    """Returns what tells whether an image has changed; None where there is no file."""

    @cache  # thousands of images may lie in one file
    def file(path: Path) -> tuple[str, int, int] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return os.path.abspath(path), found.st_size, found.st_mtime_ns

    return [
        (found[0], example.offset, example.size_bytes, *found[1:])
        if (found := file(example.path))
        else None
        for example in examples
    ]


class IndexCache:
    """What is known of the images below one folder, or of those in one file."""

    def __init__(self, stamps: Sequence[Stamp | None]) -> None:
        """Reads what is known of the place that holds all of `stamps`."""
        paths = {stamp[0] for stamp in stamps if stamp}
        place = os.path.commonpath(paths) if paths else ""
        name = hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
        self._path = cache_dir() / "index" / f"{name}.json"
        self._kept = _read(self._path)

    def row(self, example: Example, stamp: Stamp | None) -> IndexRow | None:
        """Returns what is known of an unchanged image; None if nothing is."""
        found = self._kept.get(stamp) if stamp else None
        if found is None:
            return None
        sha256, *rest = found
        return IndexRow(replace(example, sha256=sha256), *rest)

    def keep(self, rows: Iterable[tuple[IndexRow | None, Stamp | None]]) -> None:
        """Writes what `rows` tell; leaves out what has no row.

        What is known of other images, as another table or bucket has them, stays for
        as long as their files do.

        Raises:
            OSError: if it cannot be written; it names the file.
        """
        new = {
            stamp: (row.sha256, *(getattr(row, name) for name in TOLD))
            for row, stamp in rows
            # What could not be read has no hash, and may be readable the next time.
            if row and stamp and row.sha256
        }
        now = {stamp[0]: stamp[3:] for stamp in new}
        is_there = cache(os.path.exists)
        old = {
            stamp: told
            for stamp, told in self._kept.items()
            if now.get(stamp[0], stamp[3:]) == stamp[3:] and is_there(stamp[0])
        }
        kept = [[*stamp, *told] for stamp, told in {**old, **new}.items()]
        self._path.parent.mkdir(exist_ok=True)
        write_sealed(self._path, {"reader": _reader(), "rows": kept})


def _reader() -> list[Any]:
    return [DECODER, READING, *TOLD]


def _read(path: Path) -> Kept:
    """Returns the rows by stamp: none if the file is damaged, or of another reader."""
    document = read_sealed(path)
    if document is None or document.get("reader") != _reader():
        return {}
    return {tuple(row[:5]): tuple(row[5:]) for row in document["rows"]}
