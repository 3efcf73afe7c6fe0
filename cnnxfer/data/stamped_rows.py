"""Rows of facts in the cache, each valid as long as its file does not change."""

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from cnnxfer.cache import cache_dir, is_trusted, own_directory
from cnnxfer.errors import ConfigError
from cnnxfer.files import atomic_path
from cnnxfer.records import parse_json
from cnnxfer.reporting import Reporter
from cnnxfer.trust import KEPT

# The path, the offset and size of the image in the file, and the file's size and
# modification time: one of them changes when the image does.
Stamp = tuple[str, int, int | None, int, int]
Facts = tuple[Any, ...]  # in types that JSON has
DAMAGES = (ValueError, TypeError)  # what reading a file raises that holds other lines


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
    """The stored rows of the images in one folder, or in one file.

    They lie in a file of JSON lines: the SHA-256 of the others, the reader, and a row
    each. It is read and written row by row, as there may be millions of them.
    """

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
        common_path = os.fsencode(_common_path(stamps))
        name = hashlib.sha256(common_path).hexdigest()[:16]
        self._path = cache_dir() / kind / f"{name}.jsonl"
        self._reader = reader
        self._rows: dict[Stamp, Facts | None] = dict.fromkeys(filter(None, stamps))
        self._has_others = False  # stored rows of images that were not asked for
        if is_trusted(self._path, reporter):
            self._read()

    def get(self, stamp: Stamp | None) -> Facts | None:
        """Returns the stored row of an image; None if it is new or has changed."""
        return self._rows.get(stamp) if stamp else None

    def save(self, new: Mapping[Stamp, Facts], reporter: Reporter, what: str) -> None:
        """Writes new rows, and keeps the stored rows of other images.

        Stored rows are dropped when their file is gone or has changed.

        Args:
            new: the rows of images that have none, but those that must not be kept.
            reporter: warns if the cache cannot be written.
            what: what the next command has to read then, such as "images".
        """
        lost = f"the next command will read all {what} again."
        try:
            own_directory(self._path.parent)
            self._write(chain(self._others(), self._rows.items(), new.items()))
            # Rows were one JSON document before, which nothing reads any more.
            self._path.with_suffix(".json").unlink(missing_ok=True)
        except ConfigError as error:
            reporter.warn(f"{error} {lost[0].upper()}{lost[1:]}")
        except OSError as error:
            reporter.warn(
                f"{error.filename} cannot be written ({error.strerror}); {lost}"
            )

    def _read(self) -> None:
        """Fills in the facts of images; none if the file is damaged, or of another."""
        try:
            for stamp, facts in self._stored():
                if stamp in self._rows:
                    self._rows[stamp] = facts
                else:
                    self._has_others = True
        except (OSError, *DAMAGES):  # which may show at its end only
            self._rows = dict.fromkeys(self._rows)
            self._has_others = False

    def _stored(self) -> Iterator[tuple[Stamp, Facts]]:
        """Yields the stored rows; raises one of `DAMAGES` if they are others."""
        with self._path.open("rb") as lines:
            digest, reader = next(lines, b""), next(lines, b"")
            found = hashlib.sha256(reader)
            if parse_json(reader.decode("ascii")) != self._reader:
                raise ValueError("rows that were computed in another way")
            for line in lines:
                found.update(line)
                path, offset, size, file_size, changed, *facts = parse_json(
                    line.decode("ascii")
                )
                yield (path, offset, size, file_size, changed), tuple(facts)
            if digest.decode("ascii").strip() != found.hexdigest():
                raise ValueError("rows that were changed")

    def _others(self) -> Iterator[tuple[Stamp, Facts]]:
        """Yields the stored rows of other images whose files are as they were."""
        if not self._has_others:
            return
        states = {stamp[0]: stamp[3:] for stamp in self._rows}
        exists = cache(os.path.exists)
        with suppress(OSError, *DAMAGES):  # another process may have written it
            for stamp, facts in self._stored():
                is_current = states.get(stamp[0], stamp[3:]) == stamp[3:]
                if stamp not in self._rows and is_current and exists(stamp[0]):
                    yield stamp, facts

    def _write(self, rows: Iterable[tuple[Stamp, Facts | None]]) -> None:
        with (
            atomic_path(self._path, KEPT) as temporary,
            temporary.open("w+b") as stream,
        ):
            reader = f"{json.dumps(self._reader)}\n".encode("ascii")
            digest = hashlib.sha256(reader)
            stream.write(f"{digest.hexdigest()}\n".encode("ascii") + reader)
            for stamp, facts in rows:
                if facts is not None:
                    line = f"{json.dumps([*stamp, *facts])}\n".encode("ascii")
                    digest.update(line)
                    stream.write(line)
            stream.seek(0)  # now it is known
            stream.write(digest.hexdigest().encode("ascii"))


def _common_path(stamps: Iterable[Stamp | None]) -> str:
    """Returns the folder, or the file, that all images have in common; "" for none."""
    paths = {stamp[0] for stamp in stamps if stamp}
    if len(paths) < 2:
        return "".join(paths)
    return os.path.commonpath(set(map(os.path.dirname, paths)))
