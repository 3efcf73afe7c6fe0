"""Reads zip archives; members are read when they are needed."""

import stat
import threading
from collections.abc import Callable, Iterator
from functools import partial
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from cnnxfer.data.archives import damage_reason
from cnnxfer.data.dataset import MAX_BYTES, NOT_A_FILE, TOO_LARGE
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError

_ENCRYPTED = 0x1
# zipfile unpacks other methods in one piece, however large: 40 bytes of bzip2 may
# become 45 MB.
_METHODS = (ZIP_STORED, ZIP_DEFLATED)
_READ_BYTES = 1 << 16


def members(path: str, wanted: Callable[[str], bool]) -> Iterator[ImageSource]:
    """Yields the files in a zip archive, as `archives.members` describes."""
    # It is closed when the last of its image sources is deleted.
    archive = ZipFile(path)
    lock = threading.Lock()
    for member in archive.infolist():
        if not member.is_dir() and wanted(member.filename):
            read = partial(_read, archive, lock, member)
            size_bytes = member.file_size
            yield ImageSource(member.filename, read, here=True, size_bytes=size_bytes)


def _read(archive: ZipFile, lock: threading.Lock, member: ZipInfo) -> bytes:
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
            return b"".join(iter(partial(stream.read, _READ_BYTES), b""))
        finally:
            with lock:
                stream.close()
    except Exception as error:  # zipfile and zlib raise errors of many types
        raise DataError(damage_reason(error)) from error
