"""Limits on what compressed files unpack to, so that a small one fills no memory."""

import io
import os
import struct
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_STORED, ZipFile, _EndRecData  # type: ignore[attr-defined]

from cnnxfer.errors import DataError
from cnnxfer.files import format_bytes

# Every file may unpack to so much, and larger ones to so many times their own size.
# Photographs hardly get smaller, and bitmaps of drawings 100 times. Deflate makes up to
# 1,032 bytes of one, bzip2 and xz many more.
ANY_RATIO_BYTES = 1_000_000_000
MAX_RATIO = 200
# The largest usual set, ImageNet with its boxes, has two million files. Python keeps
# the whole index of a zip in memory: 600 bytes a file.
MAX_FILES = 2_500_000
MAX_INDEX_BYTES = 512_000_000
MAX_PARTS = 100_000  # of a file of arrays, or of a network
# Places in what zipfile tells of the end of an archive: the number of files, the size
# of the index, and where the end begins.
_FILES, _INDEX_BYTES, _END = 4, 5, 9
_ZIP64_END_BYTES = 76  # further records between the index and the end
_ENTRY, _LEAST_ENTRY_BYTES = b"PK\1\2", 46  # of a file in the index
_READ_BYTES = 1 << 20
# Of what stands before each file: its size, and where it has the sizes of the name and
# of the extra field that follow it.
_HEADER_BYTES, _NAME_SIZES = 30, 26


def check_ratio(unpacked_bytes: int, packed_bytes: int) -> None:
    """Refuses what unpacks to far more than its own size.

    Raises:
        DataError: if it does; the message is only the reason.
    """
    if unpacked_bytes > max(ANY_RATIO_BYTES, MAX_RATIO * packed_bytes):
        raise DataError(
            f"decompression bomb: {format_bytes(packed_bytes)} unpack to "
            f"{format_bytes(unpacked_bytes)} or more, over {MAX_RATIO} times as much"
        )


def open_zip(path: Path, max_files: int = MAX_FILES) -> ZipFile:
    """Opens a zip archive, unless its index is too large to be read.

    Raises:
        DataError: if it lists more than `max_files`, or in more than `MAX_INDEX_BYTES`;
            the message is only the reason.
        Exception: an error of any type if the archive is damaged.
    """
    with path.open("rb") as file:
        _check_index(file, max_files)
    return ZipFile(path)


def is_stored(path: Path) -> bool:
    """Tells whether a file is a zip archive that unpacks to no more than its size.

    Archives of arrays and networks are written so: uncompressed, and without a part
    that lies within another.
    """
    try:
        with open_zip(path, MAX_PARTS) as archive:
            parts = archive.infolist()
    except Exception:  # zipfile raises errors of many types for a damaged archive
        return False
    unpacked_bytes = sum(part.file_size for part in parts)
    return unpacked_bytes <= path.stat().st_size and all(
        part.compress_type == ZIP_STORED for part in parts
    )


def open_stored(path: Path, name: str) -> io.RawIOBase:
    """Opens a file in a zip archive that `is_stored`; any place can be read at once.

    What zipfile opens would be read from the beginning for each step back.

    Raises:
        KeyError: if the archive has no file of this name.
    """
    with ZipFile(path) as archive:
        part = archive.getinfo(name)
    file = path.open("rb", buffering=0)
    file.seek(part.header_offset + _NAME_SIZES)
    sizes = struct.unpack("<HH", file.read(4))
    return _Part(file, part.header_offset + _HEADER_BYTES + sum(sizes), part.file_size)


class _Part(io.RawIOBase):
    """A part of an open file, as a file that begins and ends where the part does."""

    def __init__(self, file: io.FileIO, begin: int, size_bytes: int) -> None:
        self._file = file
        self._begin = begin
        self._size_bytes = size_bytes
        self.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        starts = (0, self._file.tell() - self._begin, self._size_bytes)
        return self._file.seek(self._begin + starts[whence] + offset) - self._begin

    def readinto(self, buffer: Any, /) -> int:
        left = max(0, self._size_bytes - self.tell())
        received: int = self._file.readinto(memoryview(buffer)[:left])
        return received

    def close(self) -> None:
        self._file.close()
        super().close()


def _check_index(file: BinaryIO, max_files: int) -> None:
    end = _EndRecData(file)
    if not end:  # no zip archive, as ZipFile will say
        return
    files, index_bytes = end[_FILES], end[_INDEX_BYTES]
    if index_bytes > MAX_INDEX_BYTES:
        raise DataError(
            f"its index has {format_bytes(index_bytes)}; the limit is "
            f"{format_bytes(MAX_INDEX_BYTES)}"
        )
    # zipfile reads the whole index, however few files the archive says that it has.
    if index_bytes > _LEAST_ENTRY_BYTES * max_files:
        file.seek(max(0, end[_END] - _ZIP64_END_BYTES - index_bytes))
        pieces = iter(partial(file.read, _READ_BYTES), b"")
        files = max(files, sum(piece.count(_ENTRY) for piece in pieces))
    if files > max_files:
        raise DataError(f"it lists {files:,} files; the limit is {max_files:,}")
