"""Reads zip archives; members are read when they are needed."""

import os
import stat
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from cnnxfer.data.archives import archive_problem
from cnnxfer.data.archives.contents import read_content
from cnnxfer.data.dataset import MAX_BYTES, NOT_A_FILE, TOO_LARGE
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError
from cnnxfer.unpacking import check_ratio, open_zip

_ENCRYPTED = 0x1
# zipfile unpacks other methods in one piece, however large: 40 bytes of bzip2 may
# become 45 MB.
_METHODS = (ZIP_STORED, ZIP_DEFLATED)


def members(
    path: str, wanted: Callable[[str], bool], whole: bool
) -> Iterator[ImageSource]:
    """Yields the files in a zip archive, as `archives.members` describes."""
    archive, lock = _open(path)
    for member in archive.infolist():
        if not member.is_dir() and wanted(member.filename):
            read = partial(_read, archive, lock, member, whole)
            size_bytes = member.file_size
            yield ImageSource(member.filename, read, here=True, size_bytes=size_bytes)


def unpacked_bytes(path: str) -> int:
    """Returns how much the archive declares that its files take, all together.

    Raises:
        Exception: as `members`.
    """
    archive, _ = _open(path)
    return sum(member.file_size for member in archive.infolist())


def _open(path: str) -> tuple[ZipFile, threading.Lock]:
    """Opens an archive; of one that is opened again and again, the index is read once.

    It takes six seconds for a million files.
    """
    found = os.stat(path)
    return _open_state(os.path.abspath(path), found.st_size, found.st_mtime_ns)


@lru_cache(1)
def _open_state(
    path: str, size_bytes: int, mtime_ns: int
) -> tuple[ZipFile, threading.Lock]:
    # It is closed when the last of its image sources is deleted.
    archive = open_zip(Path(path))
    check_ratio(sum(member.file_size for member in archive.infolist()), size_bytes)
    return archive, threading.Lock()


def forget_opened() -> None:
    """Lets go of the archive that was opened last."""
    _open_state.cache_clear()


def _read(
    archive: ZipFile, lock: threading.Lock, member: ZipInfo, whole: bool
) -> bytes:
    kind = stat.S_IFMT(member.external_attr >> 16)  # 0 unless a Unix system wrote it
    if kind not in (0, stat.S_IFREG):
        raise DataError(NOT_A_FILE)
    if member.flag_bits & _ENCRYPTED:
        raise DataError("encrypted")
    if member.compress_type not in _METHODS:
        raise DataError(
            f"unknown compression: method {member.compress_type}; expected deflate"
        )
    # The archive declares this size; reading stops there, however much follows.
    if member.file_size > MAX_BYTES:
        raise DataError(TOO_LARGE)
    try:
        # Threads may read at the same time, but not open or close: ZipFile counts
        # its open members.
        with lock:
            stream = archive.open(member)
        try:
            return read_content(stream, member.file_size, whole=whole)
        finally:
            with lock:
                stream.close()
    except Exception as error:  # zipfile and zlib raise errors of many types
        raise DataError(archive_problem(error)) from error
