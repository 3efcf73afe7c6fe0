"""A zip archive: its members are read when they are asked for."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from functools import partial
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from cnnxfer.data.dataset import MAX_BYTES, NO_FILE, TOO_LARGE
from cnnxfer.data.image_source import ImageSource
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs.archives import (
    check_members,
    damage,
    member_name,
    walk_members,
)
from cnnxfer.prediction.inputs.image_names import member_names_image
from cnnxfer.prediction.inputs.kinds import InputOptions

_ENCRYPTED = 0x1
# Of the others, zipfile unpacks a piece at once, however much comes out: bzip2 makes
# 45 MB of 40 bytes.
_METHODS = (ZIP_STORED, ZIP_DEFLATED)
_READ_BYTES = 1 << 16


def check(item: str, options: InputOptions) -> None:
    """Refuses an archive that can't be opened or holds no image; see `walk`."""
    check_members(item, _members(item))


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the images in the archive's order, whatever folders they are in."""
    return walk_members(item, _members(item))


def count(item: str, options: InputOptions) -> int:
    """Returns how many images there are."""
    return sum(1 for _ in walk(item, options))


def _members(item: str) -> Iterator[ImageSource]:
    # It is closed when the last image that is in it is forgotten.
    archive = ZipFile(item)
    lock = threading.Lock()
    for member in archive.infolist():
        if member_names_image(member.filename):
            read = partial(_read, archive, lock, member)
            name = member_name(item, member.filename)
            yield ImageSource(name, read, here=True, size_bytes=member.file_size)


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
    except Exception as error:  # see check_members
        raise DataError(damage(error)) from error
