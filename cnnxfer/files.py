"""Files that are whole or absent: atomic writes, JSON, hashes, the cache directory."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from cnnxfer.errors import ConfigError, RunError

TEMPORARY = ".tmp-"  # begins the names of files that are not whole yet
MARK_BYTES = 1024  # the beginning of a file, where its mark is
CHUNK_BYTES = 1 << 20
# What the machine refuses, which is no bug, and what helps.
REFUSALS = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "Make room",
    errno.EFBIG: "Make room for large files",
    errno.EIO: "Check the disk",
    errno.EROFS: "Make it writable",
    errno.EACCES: "Make it writable",
    errno.EPERM: "Make it writable",
    errno.ENAMETOOLONG: "Choose a shorter name",
}


def cache_dir() -> Path:
    """Returns cnnxfer's cache: `CNNXFER_CACHE`, or the user's cache directory.

    Raises:
        ConfigError: if it cannot be created.
    """
    path = Path(
        os.environ.get("CNNXFER_CACHE") or platformdirs.user_cache_dir("cnnxfer")
    ).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the cache directory {path} cannot be created ({error.strerror}). "
            "Set CNNXFER_CACHE to a directory that can be written."
        ) from error
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, renamed to it when all went well.

    The content is flushed to the disk before the rename, so that `path` holds
    either what it held before or the whole new file, even after a power cut. The
    temporary name ends in the suffixes of `path`, for writers that look at it.

    Raises:
        OSError: if it cannot be written; it names the file.
    """
    temporary = None
    try:
        handle, name = tempfile.mkstemp(
            # A name has at most 255 bytes, of up to four a character.
            prefix=TEMPORARY,
            suffix="-" + path.name[-55:],
            dir=path.parent,
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        _flush(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        # A full disk names no file, and nobody knows the temporary one.
        if not error.filename or Path(error.filename).name.startswith(TEMPORARY):
            error.filename = str(path)
        raise
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


@contextmanager
def explained_os_errors(command: str) -> Iterator[None]:
    """Turns what the machine refuses to write into an error that says what to do.

    Args:
        command: what to type when that is put right; "" for the same as before.

    Raises:
        RunError: of a full disk, a read-only place, a file of somebody else's: with
            the file, the reason and the command.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        reason = os.strerror(error.errno).lower()  # HDF5's own are many lines long
        raise RunError(
            f"{error.filename or 'a file'} cannot be written: {reason}. "
            f"{REFUSALS[error.errno]}, "
            + (f"then go on with: {command}" if command else "and start again.")
        ) from error


def check_writable(directory: Path) -> None:
    """Makes a file in a directory, and removes it.

    Whether that works, permissions alone don't tell: the disk may be read-only.

    Raises:
        OSError: if it cannot be made; it names the directory.
    """
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        error.filename = str(directory)
        raise


def remove_leftovers(directory: Path) -> None:
    """Removes the temporary files of who was killed while writing, at any depth.

    Nobody else may be writing there meanwhile.
    """
    for path in directory.rglob(f"{TEMPORARY}*"):
        if path.is_file():
            path.unlink(missing_ok=True)


def cached_directory(path: Path, fill: Callable[[Path], None]) -> Path:
    """Returns `path`, filled by `fill(directory)` if it isn't there yet.

    It is filled under a temporary name and renamed, so it is whole or absent; a
    second process that asks meanwhile waits for the first.
    """
    if path.exists():  # a cache that is only read needs no lock
        return path
    from filelock import FileLock  # slow to import

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{path.name}"
    with FileLock(path.parent / f".{path.name}.lock"):
        shutil.rmtree(temporary, ignore_errors=True)  # of a process that died
        if not path.exists():
            try:
                temporary.mkdir()
                fill(temporary)
                for directory, _, names in os.walk(temporary):
                    for name in names:
                        _flush(Path(directory, name))
                os.replace(temporary, path)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return path


def bears_mark(path: Path, mark: bytes) -> bool:
    """Tells whether a file is one of ours, by its mark, or holds nothing.

    Args:
        path: of a regular file.
        mark: what files of its kind that cnnxfer writes have in their first kilobyte.
    """
    with path.open("rb") as stream:
        start = stream.read(MARK_BYTES)
    return not start or mark in start


def check_folder_of(option: str, path: Path) -> None:
    """Makes sure that a file can be put where an option says, before any work.

    Raises:
        ConfigError: if its folder is not there, or cannot be written.
    """
    folder = path.parent
    if not folder.is_dir():
        raise ConfigError(
            f"{option} is {path}, but there is no folder {folder}. Make it first."
        )
    if not os.access(folder, os.W_OK):
        raise ConfigError(
            f"{option} is {path}, but {folder} cannot be written. Choose another one."
        )


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_sealed(path: Path, document: Any) -> None:
    """Writes JSON below its SHA-256, atomically; `read_sealed` trusts nothing else.

    Raises:
        OSError: if it cannot be written; it names the file.
    """
    text = json.dumps(document)
    with atomic_path(path) as temporary:
        temporary.write_text(f"{_digest(text)}\n{text}", encoding="ascii")


def read_sealed(path: Path) -> Any:
    """Returns what `write_sealed` wrote; None if it is not there, or not as it was."""
    try:
        digest, _, text = path.read_text(encoding="ascii").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return json.loads(text) if digest == _digest(text) else None


def json_text(
    document: Any,
    *,
    indent: int | None = None,
    default: Callable[[Any], Any] | None = None,
) -> str:
    """Returns JSON text: readable, or in ASCII where something can't be printed.

    Names of files that are not UTF-8 hold surrogates, which only escapes can carry.
    """
    text = json.dumps(document, ensure_ascii=False, indent=indent, default=default)
    if text.replace("\n", "").isprintable():
        return text
    return json.dumps(document, indent=indent, default=default)


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """Returns the hexadecimal digest of a file's content."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def format_bytes(size_bytes: float) -> str:
    """Returns a size for people: `17.3 MB` (powers of 1,000)."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _flush(path: Path) -> None:
    """Waits until a file's content is on the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _umask() -> int:
    # The only way to read it is to set it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()
