"""One view's activations on disk: chunks of rows, and a manifest that vouches for them.

    manifest.json  what it is, and the hash of each chunk
    rows.float16   the chunks, one after another

A chunk counts once the manifest lists it, so whatever is interrupted goes on from its
last whole chunk. Every hash is checked when an entry is opened. Who has one open reads
on when it is deleted.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from cnnxfer.errors import RunError
from cnnxfer.files import json_text, write_text

try:
    import fcntl
except ImportError:  # Windows, which by itself deletes no file that is open
    fcntl = None  # type: ignore[assignment]

MANIFEST = "manifest.json"
ROWS = "rows.float16"
BYTES_PER_VALUE = 2
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Chunk:
    """Some rows that were written at once.

    Attributes:
        rows: how many.
        exponent: the numbers are those in the file times two to this power.
        sha256: of the bytes in the file.
    """

    rows: int
    exponent: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an entry is, and how far it has come.

    Attributes:
        key: all that decides the values, for JSON.
        about: what people want to know besides, for JSON.
        count: how many rows there are in the end.
        row_shape: the shape of each; not known before the first chunk.
        chunks: those that have been written.
    """

    key: Mapping[str, Any]
    about: Mapping[str, Any]
    count: int
    row_shape: tuple[int, ...] = ()
    chunks: tuple[Chunk, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows have been written."""
        return sum(chunk.rows for chunk in self.chunks)

    @property
    def row_bytes(self) -> int:
        """How long a row is in the file."""
        return BYTES_PER_VALUE * math.prod(self.row_shape)

    @property
    def whole(self) -> bool:
        """Whether all rows have been written."""
        return self.rows == self.count


@dataclass(frozen=True)
class Kept:
    """An entry that was found good; it counts as in use while `file` is open."""

    manifest: Manifest
    file: IO[bytes]


class Damaged(Exception):
    """An entry is not as it was written; the message is a verb phrase."""


class Writer:
    """Adds to an entry, chunk by chunk.

    Attributes:
        path: the entry's directory.
        manifest: as it is on disk.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Goes on behind the last chunk that `manifest` lists."""
        self.path = path
        self.manifest = manifest

    def append(
        self, data: bytes, *, rows: int, row_shape: tuple[int, ...], exponent: int
    ) -> None:
        """Writes a chunk; it counts once all of it is on the disk.

        Raises:
            RunError: if the disk is full.
        """
        written = self.manifest.rows * self.manifest.row_bytes
        chunk = Chunk(rows, exponent, hashlib.sha256(data).hexdigest())
        chunks = (*self.manifest.chunks, chunk)
        manifest = replace(self.manifest, row_shape=row_shape, chunks=chunks)
        with explain_full_disk(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / ROWS).open("ab") as file:
                file.truncate(written)  # part of a chunk that was not finished
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _write_manifest(self.path, manifest)
        self.manifest = manifest


def open_entry(path: Path, key: Mapping[str, Any]) -> Kept | None:
    """Opens an entry, whole or not, and checks all of it; None if there is none.

    Raises:
        Damaged: if it is not what was written for this key.
    """
    try:
        manifest = read_manifest(path)
    except FileNotFoundError:
        return None
    try:
        file = (path / ROWS).open("rb")
    except FileNotFoundError as error:
        raise Damaged("has lost its rows") from error
    try:
        if fcntl:
            with suppress(OSError):  # of file systems without locks
                fcntl.flock(file, fcntl.LOCK_SH)
        _check(file, manifest, key)
    except BaseException:
        file.close()
        raise
    return Kept(manifest, file)


def _check(file: IO[bytes], manifest: Manifest, key: Mapping[str, Any]) -> None:
    if digest(manifest.key) != digest(key):
        raise Damaged("holds something else")
    expected = manifest.rows * manifest.row_bytes
    found = os.fstat(file.fileno()).st_size
    # Behind the last chunk there may be part of one that was not finished.
    if found < expected or (found > expected and manifest.whole):
        raise Damaged(f"has {found:,} bytes of rows where {expected:,} were written")
    for chunk in manifest.chunks:
        data = file.read(chunk.rows * manifest.row_bytes)
        if hashlib.sha256(data).hexdigest() != chunk.sha256:
            raise Damaged("has other rows than were written")


def read_manifest(path: Path) -> Manifest:
    """Reads the manifest in an entry's directory.

    Raises:
        Damaged: if it is not as it was written.
        OSError: if it cannot be read.
    """
    try:
        document = json.loads((path / MANIFEST).read_bytes())
        written = document.pop("sha256")
        manifest = Manifest(
            key=document["key"],
            about=document["about"],
            count=document["count"],
            row_shape=tuple(document["row_shape"]),
            chunks=tuple(Chunk(**chunk) for chunk in document["chunks"]),
        )
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise Damaged(f"has a {MANIFEST} that is none") from error
    if digest(document) != written:
        raise Damaged(f"has another {MANIFEST} than was written")
    return manifest


def _write_manifest(path: Path, manifest: Manifest) -> None:
    document = asdict(manifest)
    document["sha256"] = digest(document)
    write_text(path / MANIFEST, json_text(document, indent=1) + "\n")


def in_use(path: Path) -> bool:
    """Whether a running process has an entry open."""
    if fcntl is None:
        return False
    try:
        with (path / ROWS).open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there are no rows yet, or no locks
        return False
    return False


def delete_entry(path: Path) -> None:
    """Deletes an entry's files, and whatever directory is empty then."""
    with suppress(OSError):  # a file is open on Windows, or not one of ours
        for file in (path / MANIFEST, path / ROWS, *path.glob(".tmp-*")):
            file.unlink(missing_ok=True)
        path.rmdir()
        path.parent.rmdir()


@contextmanager
def explain_full_disk(path: Path) -> Iterator[None]:
    """Turns the system's error into one that says what to do.

    Raises:
        RunError: if the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise RunError(
            f"the disk of {path} is full. What was computed is kept. Free some space "
            "(cnnxfer cache clear), or set CNNXFER_CACHE to a directory on another "
            "disk, and type the same again."
        ) from error


def digest(document: Mapping[str, Any]) -> str:
    """Returns a SHA-256 of what goes into JSON; tuples count as lists."""
    text = json.dumps(document, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
