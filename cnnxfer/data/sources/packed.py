"""Copies, in the cache, of images that are not files of their own on this disk.

Training reads images in any order, but archives and files of records are read from
the beginning to the end, and buckets are slow. So the encoded images are copied once,
unchanged, into one file in the cache, beside an index of where each begins.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cnnxfer.cache import cache_dir, cached_directory, entry_problem
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import MAX_BYTES, TOO_LARGE, Example
from cnnxfer.errors import DataError, RunError, passing_reason, reason_of
from cnnxfer.files import (
    file_hash,
    format_bytes,
    read_json_with_hash,
    write_json_with_hash,
)
from cnnxfer.reporting import Reporter

IMAGES = "images.bin"
INDEX = "index.json"
INDEX_VERSION = 1  # copies with an index of another version are made anew
NO_OFFSET = -1
LEFT_FREE_BYTES = 500_000_000  # other programs need room on the disk too


@dataclass(frozen=True)
class UnreadableExample(Example):
    """An image that is known to be unreadable, for this reason."""

    reason: str = ""

    def read(self) -> bytes:
        """Raises a DataError whose message is the reason."""
        raise DataError(self.reason)


@dataclass(frozen=True)
class Copy:
    """The copied images, in order, and what else their source told of the data set.

    `about` is what `fill` of `ensure_copy` returned; tuples have become lists.
    """

    examples: tuple[Example, ...]
    about: Any


class Pack:
    """Writes the images of a data set into one file and remembers where each begins."""

    def __init__(self, images: BinaryIO, declared_bytes: int = 0) -> None:
        """Starts without an image; the encoded images are written to the stream.

        There is room for images of `declared_bytes`; for more, it is checked each time.
        """
        self._images = images
        self._declared_bytes = declared_bytes
        self._digest = hashlib.sha256()
        self._rows: list[list[Any]] = []

    def add(
        self,
        id: str,
        content: bytes,
        labels: Sequence[int] = (),
        split: str | None = None,
    ) -> None:
        """Adds a whole encoded image; one over the size limit counts as unreadable.

        A source may leave out labels and split here, and add them to the examples that
        `ensure_copy` returns.
        """
        if len(content) > MAX_BYTES:
            self.add_unreadable(id, TOO_LARGE, labels, split)
            return
        begin = self._images.tell()
        if begin + len(content) > self._declared_bytes:
            _check_room_left(len(content))
        row = [id, list(labels), split, begin, len(content), ""]
        self._rows.append(row)
        self._images.write(content)
        self._digest.update(content)

    def add_unreadable(
        self,
        id: str,
        reason: str,
        labels: Sequence[int] = (),
        split: str | None = None,
    ) -> None:
        """Adds an image that cannot be read: reading its example raises the reason."""
        self._rows.append([id, list(labels), split, NO_OFFSET, 0, reason])

    def document(self, about: Any, path: Path) -> dict[str, Any]:
        """Returns the index of the images in `path`, in types that JSON has."""
        found = path.stat()
        return {
            "form": INDEX_VERSION,
            "size_bytes": found.st_size,
            "mtime_ns": found.st_mtime_ns,
            "sha256": self._digest.hexdigest(),
            "about": about,
            "images": self._rows,
        }


def copies_dir() -> Path:
    """Returns the directory with the copies of all kinds of sources."""
    return cache_dir() / "copies"


def copy_dir(kind: str, name: str, key: Any) -> Path:
    """Returns the directory for the copy of a data set, which may not exist.

    Args:
        kind: the kind of source; it names the directory of its copies.
        name: the name of the data set, for people who look into the cache.
        key: what changes whenever the data set does, such as its path, size and
            modification time, in types that JSON has.
    """
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    readable = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-")[:60]
    return copies_dir() / kind / f"{readable or 'data'}-{digest}"


def ensure_copy(
    directory: Path,
    fill: Callable[[Pack], Any],
    reporter: Reporter,
    *,
    size_bytes: int = 0,
) -> Copy:
    """Returns the copy of a data set; makes it first if it is missing or damaged.

    The copy is complete or absent. A second process that needs it waits for the first.

    Args:
        directory: where the copy lies, from `copy_dir`.
        fill: adds each image to the pack that it is passed. What it returns, in types
            that JSON has, is kept with the copy. It must turn the failures of what it
            reads into errors with a next step: an OSError is taken for one of the
            cache.
        reporter: warns of a copy that others can have written.
        size_bytes: how much disk space the images need; 0 if that is not known yet.

    Raises:
        RunError: if the disk has too little room, or the copy cannot be written.
        ConfigError: if another user's copy, or directory of copies, is in its place.
    """
    copy = read_copy(directory)
    if copy is not None:
        return copy
    try:
        cached_directory(
            directory,
            lambda path: _write(path, fill, size_bytes),
            reporter,
            lambda path: read_copy(path) is not None,
        )
    except OSError as error:
        raise unwritable(directory, error) from error
    copy = read_copy(directory)
    if copy is None:
        raise RunError(
            f"{directory} was written and cannot be read again. Is its disk failing? "
            "Set CNNXFER_CACHE to a directory on another one."
        )
    return copy


def unwritable(directory: Path, error: OSError) -> RunError:
    """Returns the error for a directory of copies that cannot be written."""
    return RunError(
        f"{error.filename or directory} cannot be written: {reason_of(error)}. "
        "Make room, or set CNNXFER_CACHE to a directory that has it."
    )


def read_copy(directory: Path) -> Copy | None:
    """Returns the copy of a data set; None if it is missing or may have been changed.

    It may have been if others can write it.
    """
    if entry_problem(directory):
        return None
    document = read_json_with_hash(directory / INDEX, dict[str, Any])
    if document is None or not _is_whole(directory / IMAGES, document):
        return None
    path = directory / IMAGES
    return Copy(
        tuple(_example(path, *row) for row in document["images"]), document["about"]
    )


def tell_of_labels(about: Mapping[str, Any], reporter: Reporter) -> None:
    """Reports which of several labels a copied data set is for.

    Args:
        about: its `name`, the name of its `label`, and those of its `other_labels`.
        reporter: receives the message.
    """
    if others := about.get("other_labels"):  # earlier releases did not note it
        reporter.info(
            f"the labels of {about['name']} are its {about['label']!r}, not "
            f"{' or '.join(map(repr, others))}"
        )


def require_lasting(error: DataError, image: str) -> None:
    """Checks that an image is unreadable because of what it is, as a copy remembers it.

    A missing file is a fault of the data set; a disk that fails, too little memory or
    permissions are not.

    Raises:
        RunError: if it may be readable the next time, without having changed.
    """
    if reason := passing_reason(error.__cause__):
        raise RunError(
            f"{image} cannot be read now: {reason}. Nothing was copied, so that this "
            "is not remembered. Remove the reason, and try again."
        ) from error


def check_room(size_bytes: int) -> None:
    """Raises a RunError if the cache has no room for the images of a copy."""
    free_bytes = shutil.disk_usage(cache_dir()).free
    if size_bytes > free_bytes:
        raise RunError(
            f"the images take {format_bytes(size_bytes)}, and {cache_dir()} has room "
            f"for {format_bytes(free_bytes)}. Make room, or set CNNXFER_CACHE to a "
            "directory on a larger disk."
        )


def _check_room_left(size_bytes: int) -> None:
    """Stops a copy that takes more room than was said before the disk is full."""
    free_bytes = shutil.disk_usage(cache_dir()).free
    if size_bytes > free_bytes - LEFT_FREE_BYTES:
        raise RunError(
            f"the images take more than {cache_dir()} has room for: "
            f"{format_bytes(free_bytes)} are left, of which "
            f"{format_bytes(LEFT_FREE_BYTES)} stay free. Make room, or set "
            "CNNXFER_CACHE to a directory on a larger disk."
        )


def _example(
    path: Path,
    id: str,
    labels: list[int],
    split: str | None,
    offset: int,
    size_bytes: int,
    reason: str,
) -> Example:
    values = (id, Labels(tuple(labels)), split, path, offset, size_bytes)
    return UnreadableExample(*values, reason=reason) if reason else Example(*values)


def _is_whole(images: Path, document: Mapping[str, Any]) -> bool:
    if document.get("form") != INDEX_VERSION:
        return False
    try:
        found = images.stat()
        if found.st_size != document["size_bytes"]:
            return False
        if found.st_mtime_ns == document["mtime_ns"]:
            return True
        # In a cache that was moved, files may have new modification times.
        return bool(file_hash(images) == document["sha256"])
    except OSError:
        return False


def _write(directory: Path, fill: Callable[[Pack], Any], size_bytes: int) -> None:
    check_room(size_bytes)
    with (directory / IMAGES).open("wb", buffering=1 << 20) as images:
        pack = Pack(images, size_bytes)
        about = fill(pack)
    write_json_with_hash(directory / INDEX, pack.document(about, directory / IMAGES))
