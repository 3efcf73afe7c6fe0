"""The files of one view's activations: chunks of rows, and a manifest with hashes.

    manifest.json  the description of the entry, and the hash of each chunk
    rows.float16   the chunks, one after another

A chunk is valid once the manifest lists it, so an interrupted computation continues
after the last complete chunk. All hashes are checked when an entry is opened. A process
that has an entry open can read it even after it is deleted.
"""

import errno
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from cnnxfer.cache import own_directory
from cnnxfer.errors import RunError
from cnnxfer.files import NotAFile, json_text, open_file, read_json, write_text
from cnnxfer.records import from_json
from cnnxfer.trust import KEPT

try:
    import fcntl
except ImportError:  # Windows, which does not delete open files
    fcntl = None  # type: ignore[assignment]

MANIFEST = "manifest.json"
ROWS = "rows.float16"
BYTES_PER_VALUE = 2
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Chunk:
    """Rows that were written together."""

    rows: int
    exponent: int  # the values are those in the file times two to this power
    sha256: str  # of the chunk's bytes in the file


@dataclass(frozen=True)
class Manifest:
    """The description of an entry, and how much of it has been written."""

    key: Mapping[str, Any]  # everything that determines the values, for JSON
    about: Mapping[str, Any]  # a description for people, for JSON
    count: int  # of rows when the entry is complete
    row_shape: tuple[int, ...] = ()  # empty before the first chunk
    chunks: tuple[Chunk, ...] = ()  # that have been written

    @property
    def rows(self) -> int:
        """The number of rows that have been written."""
        return sum(chunk.rows for chunk in self.chunks)

    @property
    def row_bytes(self) -> int:
        """The size of a row in the file, in bytes."""
        return BYTES_PER_VALUE * math.prod(self.row_shape)

    @property
    def complete(self) -> bool:
        """Whether all rows have been written."""
        return self.rows == self.count


@dataclass(frozen=True)
class OpenEntry:
    """An entry that was opened and checked; it is in use while `file` is open."""

    manifest: Manifest
    file: IO[bytes]  # the rows


class Damaged(Exception):
    """An entry differs from what was written; the message is a verb phrase."""


class Writer:
    """Appends chunks to an entry, after the last one that `manifest` lists."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    def append(
        self, data: bytes, *, rows: int, row_shape: tuple[int, ...], exponent: int
    ) -> None:
        """Writes a chunk of rows as float16, and then lists it in the manifest.

        Raises:
            RunError: if the disk is full.
            ConfigError: if the directory is another user's.
        """
        written = self.manifest.rows * self.manifest.row_bytes
        chunk = Chunk(rows, exponent, hashlib.sha256(data).hexdigest())
        chunks = (*self.manifest.chunks, chunk)
        manifest = replace(self.manifest, row_shape=row_shape, chunks=chunks)
        with explain_full_disk(self.path):
            own_directory(self.path)
            with open(
                self.path / ROWS, "ab", opener=partial(os.open, mode=KEPT)
            ) as file:
                file.truncate(written)  # removes an incomplete chunk
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _write_manifest(self.path, manifest)
        self.manifest = manifest


def open_entry(path: Path, key: Mapping[str, Any]) -> OpenEntry | None:
    """Opens an entry, complete or not, and checks all of it; None if it is missing.

    Raises:
        Damaged: if the entry differs from what was written for this key.
    """
    try:
        manifest = read_manifest(path)
    except FileNotFoundError:
        return None
    try:
        file = open_file(path / ROWS)
    except (FileNotFoundError, NotAFile) as error:
        raise Damaged("has lost its rows") from error
    try:
        if fcntl:
            with suppress(OSError):  # file systems without locks
                fcntl.flock(file, fcntl.LOCK_SH)
        _check(file, manifest, key)
    except BaseException:
        file.close()
        raise
    return OpenEntry(manifest, file)


def _check(file: IO[bytes], manifest: Manifest, key: Mapping[str, Any]) -> None:
    if digest(manifest.key) != digest(key):
        raise Damaged("holds something else")
    expected = manifest.rows * manifest.row_bytes
    found = os.fstat(file.fileno()).st_size
    # An incomplete chunk may follow the last one.
    if found < expected or (found > expected and manifest.complete):
        raise Damaged(f"has {found:,} bytes of rows where {expected:,} were written")
    for chunk in manifest.chunks:
        data = file.read(chunk.rows * manifest.row_bytes)
        if hashlib.sha256(data).hexdigest() != chunk.sha256:
            raise Damaged("has other rows than were written")


def read_manifest(path: Path) -> Manifest:
    """Reads the manifest in an entry's directory.

    Raises:
        Damaged: if the manifest differs from what was written.
        OSError: if the file cannot be read.
    """
    try:
        document = read_json(path / MANIFEST, dict[str, Any])
        written = document.pop("sha256", None)
        manifest = from_json(Manifest, document, MANIFEST)
    except (NotAFile, ValueError) as error:
        raise Damaged(f"has a {MANIFEST} that is not valid") from error
    if digest(document) != written:
        raise Damaged(f"has another {MANIFEST} than was written")
    return manifest


def _write_manifest(path: Path, manifest: Manifest) -> None:
    document = asdict(manifest)
    document["sha256"] = digest(document)
    write_text(path / MANIFEST, json_text(document, indent=1) + "\n", KEPT)


def in_use(path: Path) -> bool:
    """Returns whether a running process has an entry open."""
    if fcntl is None:
        return False
    try:
        with (path / ROWS).open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no rows yet, or a file system without locks
        return False
    return False


def delete_entry(path: Path) -> None:
    """Deletes an entry's files, and the directories that are empty afterwards."""
    with suppress(OSError):  # a file that is open on Windows, or not part of an entry
        for file in (path / MANIFEST, path / ROWS, *path.glob(".tmp-*")):
            file.unlink(missing_ok=True)
        path.rmdir()
        path.parent.rmdir()


@contextmanager
def explain_full_disk(path: Path) -> Iterator[None]:
    """Turns the system's error for a full disk into a RunError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise RunError(
            f"the disk of {path} is full. What was computed is kept. Free some space "
            "(cnnxfer cache clear), or set CNNXFER_CACHE to a directory on another "
            "disk, and run the same command again."
        ) from error


def digest(document: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a document as JSON, in hex digits."""
    text = json.dumps(document, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
