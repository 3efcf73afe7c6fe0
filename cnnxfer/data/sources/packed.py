"""Copies of images that don't lie in files of their own on this disk.

Training wants any image at any time; an archive, a file of records or a bucket gives
them one after the other, or slowly. So the encoded images are copied once, as they
are, into one file in the cache, with an index of where each begins.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cnnxfer.data.dataset import MAX_BYTES, TOO_LARGE, Example
from cnnxfer.errors import DataError, RunError, reason_of
from cnnxfer.files import (
    CHUNK_BYTES,
    cache_dir,
    cached_directory,
    file_hash,
    format_bytes,
    read_sealed,
    write_sealed,
)

IMAGES = "images.bin"
INDEX = "index.json"
FORM = 1  # of the index; a copy of another one is made anew
NOWHERE = -1


@dataclass(frozen=True)
class UnreadableExample(Example):
    """An image of which it is known already that it cannot be read.

    Attributes:
        reason: why.
    """

    reason: str = ""

    def read(self) -> bytes:
        """Raises DataError, whose message is the reason."""
        raise DataError(self.reason)


@dataclass(frozen=True)
class Copy:
    """Images that were copied, and what else their source told of them.

    Attributes:
        examples: in the order in which they were added.
        about: what `fill` returned; JSON made lists of its tuples.
    """

    examples: tuple[Example, ...]
    about: Any


class Pack:
    """Takes the images of a data set, one after the other."""

    def __init__(self, images: BinaryIO) -> None:
        """Starts empty; the images go to the stream."""
        self._images = images
        self._digest = hashlib.sha256()
        self._rows: list[list[Any]] = []

    def add(
        self,
        id: str,
        content: bytes,
        labels: Sequence[int] = (),
        split: str | None = None,
    ) -> None:
        """Adds an encoded image; one that is too large, as one that can't be read.

        Args:
            id: names it within its data set, the same on every machine.
            content: the whole encoded image.
            labels: of the example; a source may do without, and add them to what
                `packed` returns.
            split: the same.
        """
        if len(content) > MAX_BYTES:
            self.refuse(id, TOO_LARGE, labels, split)
            return
        row = [id, list(labels), split, self._images.tell(), len(content), ""]
        self._rows.append(row)
        self._images.write(content)
        self._digest.update(content)

    def refuse(
        self,
        id: str,
        reason: str,
        labels: Sequence[int] = (),
        split: str | None = None,
    ) -> None:
        """Adds an image that cannot be read; whoever reads it is told the reason."""
        self._rows.append([id, list(labels), split, NOWHERE, 0, reason])

    def document(self, about: Any, path: Path) -> dict[str, Any]:
        """Returns the index, of JSON's types, once the images are in `path`."""
        found = path.stat()
        return {
            "form": FORM,
            "size_bytes": found.st_size,
            "mtime_ns": found.st_mtime_ns,
            "sha256": self._digest.hexdigest(),
            "about": about,
            "images": self._rows,
        }


def copies_dir() -> Path:
    """Returns where copies of all kinds of sources lie."""
    return cache_dir() / "copies"


def copy_dir(kind: str, name: str, key: Any) -> Path:
    """Returns where the copy of a data set lies, or would.

    Args:
        kind: of source, in a word: the directory of its copies in the cache.
        name: of the set; it only helps people who look into the cache.
        key: of JSON's types: what changes when the set does, such as its place, size
            and time.
    """
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    readable = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-")[:60]
    return copies_dir() / kind / f"{readable or 'data'}-{digest}"


def packed(
    directory: Path, fill: Callable[[Pack], Any], *, size_bytes: int = 0
) -> Copy:
    """Returns a copy of a data set; makes it if it is not there, or damaged.

    It is whole or absent. A second process that asks meanwhile waits for the first.

    Args:
        directory: from `copy_dir`.
        fill: adds each image to the pack that it is handed. What it returns, of JSON's
            types, is kept with the copy. It must turn the failures of what it reads
            into errors with a next step: an OSError is taken for one of the cache.
        size_bytes: how much room the images take, as far as that is known before.

    Raises:
        RunError: if the disk has too little room for it, or it cannot be written.
    """
    copy = read_copy(directory)
    if copy is not None:
        return copy
    with _failures(directory):
        _remove_damaged(directory)
        cached_directory(directory, lambda path: _write(path, fill, size_bytes))
    copy = read_copy(directory)
    if copy is None:
        raise RunError(
            f"{directory} was written and cannot be read again. Is its disk failing? "
            "Set CNNXFER_CACHE to a directory on another one."
        )
    return copy


def read_copy(directory: Path) -> Copy | None:
    """Returns a copy of a data set; None if it is not there, or not as it was made."""
    document = read_sealed(directory / INDEX)
    if not _is_whole(directory / IMAGES, document):
        return None
    path = directory / IMAGES
    return Copy(
        tuple(_example(path, *row) for row in document["images"]), document["about"]
    )


def check_room(size_bytes: int) -> None:
    """Checks that the cache has room for images that are to be copied.

    Raises:
        RunError: if it has not.
    """
    free_bytes = shutil.disk_usage(cache_dir()).free
    if size_bytes > free_bytes:
        raise RunError(
            f"the images take {format_bytes(size_bytes)}, and {cache_dir()} has room "
            f"for {format_bytes(free_bytes)}. Make room, or set CNNXFER_CACHE to a "
            "directory on a larger disk."
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
    place = (id, tuple(labels), split, path, offset, size_bytes)
    return UnreadableExample(*place, reason=reason) if reason else Example(*place)


def _is_whole(images: Path, document: Any) -> bool:
    if not isinstance(document, dict) or document.get("form") != FORM:
        return False
    try:
        found = images.stat()
        if found.st_size != document["size_bytes"]:
            return False
        if found.st_mtime_ns == document["mtime_ns"]:
            return True
        # A cache that was moved elsewhere may have other times.
        return bool(file_hash(images) == document["sha256"])
    except OSError:
        return False


def _remove_damaged(directory: Path) -> None:
    from filelock import FileLock  # slow to import

    directory.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(directory.parent / f".{directory.name}.check.lock"):
        # Another process may have made it anew since we looked.
        if directory.exists() and read_copy(directory) is None:
            shutil.rmtree(directory)


def _write(directory: Path, fill: Callable[[Pack], Any], size_bytes: int) -> None:
    check_room(size_bytes)
    with (directory / IMAGES).open("wb", buffering=CHUNK_BYTES) as images:
        pack = Pack(images)
        about = fill(pack)
    write_sealed(directory / INDEX, pack.document(about, directory / IMAGES))


@contextlib.contextmanager
def _failures(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{error.filename or directory} cannot be written: {reason_of(error)}. "
            "Make room, or set CNNXFER_CACHE to a directory that has it."
        ) from error
