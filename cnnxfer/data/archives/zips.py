"""A zip archive: its members are read when they are asked for."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Iterator
from functools import partial
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from cnnxfer.data.archives.problems import damage
from cnnxfer.data.dataset import MAX_BYTES, NO_FILE, TOO_LARGE
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError

_ENCRYPTED = 0x1
# Of the others, zipfile unpacks a piece at once, however much comes out: bzip2 makes
# 45 MB of 40 bytes.
_METHODS = (ZIP_STORED, ZIP_DEFLATED)
_READ_BYTES = 1 << 16


def members(path: str, wanted: Callable[[str], bool]) -> Iterator[ImageSource]:
    """Yields the files in a zip archive; see `archives.members`."""
    # It is closed when the last file that is in it is forgotten.
    archive = ZipFile(path)
    lock = threading.Lock()
    for member in archive.infolist():
        if not member.is_dir() and wanted(member.filename):
            read = partial(_read, archive, lock, member)
            size_bytes = member.file_size
            yield ImageSource(member.filename, read, here=True, size_bytes=size_bytes)


def _read(archive: ZipFile, lock: threading.Lock, member: ZipInfo) -> bytes:
    kind = stat.S_IFMT(member.external_attr >> 16)  # 0 if no Unix wrote it
    if kind not in (0, stat.S_IFREG):
        raise DataError(NO_FILE)
    if member.flag_bits & _ENCRYPTED:
        raise DataError("encrypted")
    if member.compress_type not in _METHODS:
        raise DataError(
            f"unknown compression: method {member.compress_type}; expected deflate"
        )
    # This is what the archive says; `read` stops there, whatever is in it.
    if member.file_size > MAX_BYTES:
        raise DataError(TOO_LARGE)
    try:
        # Threads may read side by side, but not open: ZipFile counts who has it open.
        with lock:
            stream = archive.open(member)
        try:
            return b"".join(iter(partial(stream.read, _READ_BYTES), b""))
        finally:
            with lock:
                stream.close()
    except Exception as error:  # zipfile and zlib raise many kinds
        raise DataError(damage(error)) from error
