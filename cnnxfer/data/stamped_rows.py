"""Rows of facts in the cache, each valid as long as its file does not change."""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from cnnxfer.cache import cache_dir, own_directory, read_cached_json
from cnnxfer.errors import ConfigError
from cnnxfer.files import write_json_with_hash
from cnnxfer.reporting import Reporter

# The path, the offset and size of the image in the file, and the file's size and
# modification time: one of them changes when the image does.
Stamp = tuple[str, int, int | None, int, int]
Facts = tuple[Any, ...]  # in types that JSON has


class Place(Protocol):
    """Where an encoded image lies: a file, or a section of one."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def offset(self) -> int:
        """Where in the file the image begins, in bytes."""

    @property
    def size_bytes(self) -> int | None:
        """The length of the encoded image; None for the whole file."""


def stamp_all(places: Iterable[Place]) -> list[Stamp | None]:
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
        (found[0], place.offset, place.size_bytes, *found[1:])
        if (found := file(place.path))
        else None
        for place in places
    ]


class StampedRows:
    """The stored rows of the images in one folder, or in one file."""

    def __init__(
        self,
        kind: str,
        reader: Any,
        stamps: Sequence[Stamp | None],
        reporter: Reporter,
    ) -> None:
        """Reads the stored rows of the folder or file that holds all of the images.

        Args:
            kind: the name of the directory of such rows in the cache.
            reader: changes, in types that JSON has, when rows are computed in another
                way; then no stored row is used.
            stamps: the stamp of each image.
            reporter: warns of rows that others can have written, which are not used.
        """
        paths = {stamp[0] for stamp in stamps if stamp}
        common_path = os.path.commonpath(paths) if paths else ""
        name = hashlib.sha256(os.fsencode(common_path)).hexdigest()[:16]
        self._path = cache_dir() / kind / f"{name}.json"
        self._reader = reader
        self._rows = _read(self._path, reader, reporter)

    def get(self, stamp: Stamp | None) -> Facts | None:
        """Returns the stored row of an image; None if it is new or has changed."""
        return self._rows.get(stamp) if stamp else None

    def save(self, new: Mapping[Stamp, Facts], reporter: Reporter, what: str) -> None:
        """Writes new rows, and keeps the stored rows of other images.

        Stored rows are dropped when their file is gone or has changed.

        Args:
            new: the rows of images, without those that must not be kept.
            reporter: warns if the cache cannot be written.
            what: what the next command has to read then, such as "images".
        """
        file_states = {stamp[0]: stamp[3:] for stamp in new}
        exists = cache(os.path.exists)
        old = {
            stamp: values
            for stamp, values in self._rows.items()
            if file_states.get(stamp[0], stamp[3:]) == stamp[3:] and exists(stamp[0])
        }
        stored = [[*stamp, *values] for stamp, values in {**old, **new}.items()]
        lost = f"the next command will read all {what} again."
        try:
            own_directory(self._path.parent)
            write_json_with_hash(self._path, {"reader": self._reader, "rows": stored})
        except ConfigError as error:
            reporter.warn(f"{error} {lost[0].upper()}{lost[1:]}")
        except OSError as error:
            reporter.warn(
                f"{error.filename} cannot be written ({error.strerror}); {lost}"
            )


def _read(path: Path, reader: Any, reporter: Reporter) -> dict[Stamp, Facts]:
    """Returns the rows by stamp: none if the file is damaged or of another version."""
    document = read_cached_json(path, dict[str, Any], reporter)
    if document is None or document.get("reader") != reader:
        return {}
    try:
        return {tuple(row[:5]): tuple(row[5:]) for row in document["rows"]}
    except (KeyError, TypeError):
        return {}
