"""A cache of index rows, each valid as long as its image's file does not change."""

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from cnnxfer.cache import cache_dir, own_directory, read_cached_json
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.images.decode import DECODER
from cnnxfer.files import write_json_with_hash
from cnnxfer.reporting import Reporter

# Raised when rows are computed in another way; `DECODER` changes with the decoding.
INDEX_VERSION = 4
# The fields of a row except its example, of which only the hash is stored.
STORED_FIELDS = tuple(field.name for field in fields(IndexRow))[1:]
# The path, the offset and size of the image in the file, and the file's size and
# modification time: one of them changes when the image does.
Stamp = tuple[str, int, int | None, int, int]
StoredRows = dict[Stamp, tuple[Any, ...]]


def stamp_all(examples: Iterable[Example]) -> list[Stamp | None]:
    """Returns the stamp of each image, by which a change is noticed.

    It is None where the file does not exist or is not a file.
    """

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
    """The stored index rows of the images in one folder, or in one file."""

    def __init__(self, stamps: Sequence[Stamp | None], reporter: Reporter) -> None:
        """Reads the stored rows of the folder or file that holds all of the images.

        The reporter warns of rows that others can have written, which are not used.
        """
        paths = {stamp[0] for stamp in stamps if stamp}
        common_path = os.path.commonpath(paths) if paths else ""
        name = hashlib.sha256(os.fsencode(common_path)).hexdigest()[:16]
        self._path = cache_dir() / "index" / f"{name}.json"
        self._rows = _read(self._path, reporter)

    def row(self, example: Example, stamp: Stamp | None) -> IndexRow | None:
        """Returns the stored row of an image; None if it is new or has changed."""
        found = self._rows.get(stamp) if stamp else None
        if found is None:
            return None
        sha256, *rest = found
        return IndexRow(replace(example, sha256=sha256), *rest)

    def save(self, rows: Iterable[tuple[IndexRow | None, Stamp | None]]) -> None:
        """Writes the rows that have a stamp, and keeps the stored rows of other images.

        Stored rows are dropped when their file is gone or has changed.

        Raises:
            OSError: if the cache cannot be written; the error names the file.
            ConfigError: if the directory of indexes is another user's.
        """
        new = {
            stamp: (row.sha256, *(getattr(row, name) for name in STORED_FIELDS))
            for row, stamp in rows
            # A file that could not be read has no hash, and is tried again next time,
            # as is one whose problem may have passed.
            if row and stamp and row.sha256 and not row.passing
        }
        file_states = {stamp[0]: stamp[3:] for stamp in new}
        exists = cache(os.path.exists)
        old = {
            stamp: values
            for stamp, values in self._rows.items()
            if file_states.get(stamp[0], stamp[3:]) == stamp[3:] and exists(stamp[0])
        }
        stored = [[*stamp, *values] for stamp, values in {**old, **new}.items()]
        own_directory(self._path.parent)
        write_json_with_hash(self._path, {"reader": _reader(), "rows": stored})


def _reader() -> list[Any]:
    return [DECODER, INDEX_VERSION, *STORED_FIELDS]


def _read(path: Path, reporter: Reporter) -> StoredRows:
    """Returns the rows by stamp: none if the file is damaged or of another version."""
    document = read_cached_json(path, dict[str, Any], reporter)
    if document is None or document.get("reader") != _reader():
        return {}
    try:
        return {tuple(row[:5]): tuple(row[5:]) for row in document["rows"]}
    except (KeyError, TypeError):
        return {}
