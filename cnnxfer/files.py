"""Atomic writes, JSON text and file hashes."""

import errno
import hashlib
import json
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.records import Record, from_json, parse_json
from cnnxfer.trust import KEPT

TEMPORARY = ".tmp-"  # prefix of the names of files that are still being written
READ_LIMIT_BYTES = 1 << 30  # of a file that is read at once
MARK_BYTES = 1024  # the marker of a file is searched in so many leading bytes
MOST_FLUSHED = 50  # files, one by one
# Errors of the operating system that are not bugs, and what the user can do.
REFUSALS = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "Make room",
    errno.EFBIG: "Make room for large files",
    errno.EIO: "Check the disk",
    errno.EISDIR: "Move away what has its name",
    errno.ENOTDIR: "Move away what has its name",
    errno.EEXIST: "Move away what has its name",
    errno.ELOOP: "Move away what has its name",
    errno.EROFS: "Make it writable",
    errno.EACCES: "Make it writable",
    errno.EPERM: "Make it writable",
    errno.ENAMETOOLONG: "Choose a shorter name",
}


def user_dir(variable: str, default: Callable[[], str]) -> Path:
    """Returns the directory that a variable of the environment names, or the default.

    Raises:
        ConfigError: if it is in a home directory, and this user has none.
    """
    try:
        return Path(os.environ.get(variable) or default()).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            "this user has no home directory: HOME is not set. Set it, or set "
            f"{variable} to a directory that can be written."
        ) from error


@contextmanager
def atomic_path(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Yields a temporary path beside `path`, and renames it to `path` at the end.

    The content is flushed to the disk before the rename, so that `path` has either
    its old content or the complete new content, even after a power failure. If the
    block raises, the temporary file is removed. The temporary name ends with the
    suffixes of `path`, because some writers choose the format by them.

    Args:
        path: the file.
        mode: its permissions, from which the umask takes some; `trust.KEPT` for what
            cnnxfer reads again and others must not change.

    Raises:
        OSError: if the file cannot be written; its `filename` is `path`.
    """
    temporary = None
    try:
        handle, name = tempfile.mkstemp(
            # A name has at most 255 bytes, and a character has up to four.
            prefix=TEMPORARY,
            suffix="-" + path.name[-55:],
            dir=path.parent,
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        flush(temporary)
        os.chmod(temporary, mode & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        name_file(error, path)
        raise
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def name_file(error: OSError, path: Path) -> None:
    """Has an error name the file that could not be written, if it names none.

    A full disk names no file, and users do not know a temporary one.
    """
    parts = Path(str(error.filename or TEMPORARY)).parts
    if any(part.startswith(TEMPORARY) for part in parts):
        error.filename = str(path)


@contextmanager
def explained_os_errors(command: str) -> Iterator[None]:
    """Turns a failed write inside the block into an error that says what to do.

    `command` goes on once the cause is removed; "" if the same one must be started
    again.

    Raises:
        RunError: if the disk is full or read-only, or permission is denied. The
            message has the file, the reason and the command.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        reason = os.strerror(error.errno).lower()  # HDF5's messages have many lines
        raise RunError(
            f"{error.filename or 'a file'} cannot be written: {reason}. "
            f"{REFUSALS[error.errno]}, "
            + (f"then go on with: {command}" if command else "and start again.")
        ) from error


def check_writable(directory: Path) -> None:
    """Checks that files can be made in a directory, by making and removing one.

    Permissions alone do not tell: the disk may be read-only.

    Raises:
        OSError: if no file can be made; its `filename` is the directory.
    """
    try:
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        error.filename = str(directory)
        raise


def remove_leftovers(directory: Path) -> None:
    """Removes the temporary files of killed processes in a directory, at any depth.

    No other process may be writing to the directory at the same time.
    """
    for path in directory.rglob(f"{TEMPORARY}*"):
        if path.is_file():
            path.unlink(missing_ok=True)


def is_empty_or_has_marker(path: Path, mark: bytes) -> bool:
    """Returns whether a regular file is empty, or has the mark of those of its kind.

    cnnxfer puts the mark into the first `MARK_BYTES` bytes.
    """
    with path.open("rb") as stream:
        start = stream.read(MARK_BYTES)
    return not start or mark in start


def check_parent_folder(option: str, path: Path) -> None:
    """Raises a ConfigError if the folder of an option's output cannot be written."""
    folder = path.parent
    if not folder.is_dir():
        raise ConfigError(
            f"{option} is {path}, but there is no folder {folder}. Make it first."
        )
    if not os.access(folder, os.W_OK):
        raise ConfigError(
            f"{option} is {path}, but {folder} cannot be written. Choose another one."
        )


def write_text(path: Path, text: str, mode: int = 0o666) -> None:
    """Writes UTF-8 text to `path` atomically; `mode` is that of `atomic_path`."""
    with atomic_path(path, mode) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


class NotAFile(OSError):
    """Raised for a folder, pipe or device in the place of a file."""


def open_file(path: Path) -> BufferedReader:
    """Opens a regular file to read it.

    Whatever else has its name is refused: a pipe would be waited for, and a device may
    have no end.

    Raises:
        OSError: if there is no such file, or it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotAFile(errno.EINVAL, "Not a regular file", str(path))
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: Path) -> bytes:
    """Returns the content of a regular file of at most `READ_LIMIT_BYTES`.

    Raises:
        OSError: if there is no such file, or it is too large or cannot be read.
    """
    with open_file(path) as stream:
        content = stream.read(READ_LIMIT_BYTES + 1)
    if len(content) > READ_LIMIT_BYTES:
        limit = f"Larger than {format_bytes(READ_LIMIT_BYTES)}"
        raise OSError(errno.EFBIG, limit, str(path))
    return content


def read_json(path: Path, kind: type[Record]) -> Record:
    """Returns the JSON of a file as a type; see `from_json`.

    Raises:
        OSError: see `read_file`.
        ValueError: if it holds something else; the message says what.
    """
    return from_json(kind, parse_json(read_file(path)))


def write_json_with_hash(path: Path, document: Any) -> None:
    """Writes a JSON document atomically, below a first line with its SHA-256.

    Raises:
        OSError: if the file cannot be written; its `filename` is `path`.
    """
    text = json.dumps(document)
    with atomic_path(path, KEPT) as temporary:
        temporary.write_text(f"{_digest(text)}\n{text}", encoding="ascii")


def read_json_with_hash(path: Path, kind: type[Record]) -> Record | None:
    """Returns the JSON of such a file as a type; None if it is missing or was changed.

    It counts as changed, too, if it holds something else than `kind`.
    """
    try:
        digest, _, text = read_file(path).decode("ascii").partition("\n")
        is_whole = digest == _digest(text)
        return from_json(kind, parse_json(text)) if is_whole else None
    except (OSError, ValueError):
        return None


def json_text(
    document: Any,
    *,
    indent: int | None = None,
    default: Callable[[Any], Any] | None = None,
    encoding: str | None = None,
) -> str:
    """Returns a document as JSON text, in ASCII only if it has unprintable characters.

    File names that are not UTF-8 contain surrogates, which need escapes; and so do
    characters that the encoding of a stream lacks, which is UTF-8 by default.
    """
    text = json.dumps(document, ensure_ascii=False, indent=indent, default=default)
    if text.replace("\n", "").isprintable() and is_encodable(text, encoding):
        return text
    return json.dumps(document, indent=indent, default=default)


def local_name(name: str, other: str = "_") -> str:
    """Returns a name as a file can have it here, with `other` for what it cannot have.

    Where the locale's encoding is not UTF-8, names of files lack some characters.
    """
    encoding = sys.getfilesystemencoding()
    if is_encodable(name, encoding):
        return name
    return "".join(c if is_encodable(c, encoding) else other for c in name)


def is_encodable(text: str, encoding: str | None) -> bool:
    """Tells whether an encoding has all characters of a text; None stands for UTF-8."""
    try:
        text.encode(encoding or "utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def flush(path: Path) -> None:
    """Waits until the content of a file is on the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def flush_all(paths: Sequence[Path]) -> None:
    """Waits until the content of all files is on the disk.

    One by one, each takes some 20 ms; many are flushed with all that the system has to
    write.
    """
    if len(paths) > MOST_FLUSHED and hasattr(os, "sync"):  # which Windows lacks
        os.sync()
        return
    for path in paths:
        flush(path)


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """Returns the hexadecimal digest of a regular file's content."""
    with open_file(path) as stream:
        new_digest = partial(hashlib.new, algorithm, usedforsecurity=False)
        return hashlib.file_digest(stream, new_digest).hexdigest()


def format_bytes(size_bytes: float) -> str:
    """Returns a size as people read it, in powers of 1,000, such as "17.3 MB"."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _umask() -> int:
    # The only way to read the mask is to set it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()
