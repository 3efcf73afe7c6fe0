"""Reads tar archives, plain or compressed, once from the beginning to the end."""

import bz2
import gzip
import lzma
import os
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import IO, BinaryIO, Self, cast

from cnnxfer.data.archives.contents import (
    BEGINNING_BYTES,
    OtherFile,
    check_beginning,
    read_content,
)
from cnnxfer.data.dataset import MAX_BYTES, NOT_A_FILE, TOO_LARGE, read_bytes
from cnnxfer.data.images.source import ImageSource, unreadable_source
from cnnxfer.unpacking import check_ratio

# By the first bytes of a compressed file.
DECOMPRESSORS: dict[bytes, Callable[[BinaryIO], BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
Wanted = Callable[[str], bool]

_READ_BYTES = 1 << 16
# Python reads a long name into memory, however long the header says that it is.
_MAX_NAME_BYTES = 1 << 20


def members(path: str, wanted: Wanted, whole: bool) -> Iterator[ImageSource]:
    """Yields the files in a tar archive, as `archives.members` describes.

    Files of a compressed archive are held in memory; those of a plain one are read
    from the archive when they are needed.
    """
    with open(path, "rb") as file:
        start = file.peek(8)
        for magic, decompress in DECOMPRESSORS.items():
            if start.startswith(magic):
                with decompress(file) as stream:
                    yield from _compressed(_Unpacked(stream, file), wanted, whole)
                return
        yield from _plain(path, file, wanted, whole)


def _plain(
    path: str, file: BufferedReader, wanted: Wanted, whole: bool
) -> Iterator[ImageSource]:
    size_bytes = os.fstat(file.fileno()).st_size
    with tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as archive:
        for member in _files(archive, wanted):
            if reason := _refusal(member):
                yield unreadable_source(member.name, reason)
                continue
            if member.offset_data + member.size > size_bytes:
                raise tarfile.ReadError("unexpected end of data")
            read = partial(_read, Path(path), member.offset_data, member.size, whole)
            yield ImageSource(member.name, read)


def _read(path: Path, offset: int, size_bytes: int, whole: bool) -> bytes:
    if size_bytes > BEGINNING_BYTES and not whole:
        check_beginning(read_bytes(path, offset, BEGINNING_BYTES))
    return read_bytes(path, offset, size_bytes)


class _Unpacked:
    """What a compressed file unpacks to; reading ends where that is far too much."""

    def __init__(self, stream: BufferedIOBase, file: BufferedReader) -> None:
        self._stream = stream
        self._file = file
        self._size_bytes = 0

    def read(self, size_bytes: int) -> bytes:
        """Returns the next bytes; raises a DataError if they are too many by now."""
        piece = self._stream.read(size_bytes)
        self._size_bytes += len(piece)
        check_ratio(self._size_bytes, self._file.tell())
        return piece


def _compressed(
    stream: _Unpacked, wanted: Wanted, whole: bool
) -> Iterator[ImageSource]:
    with tarfile.open(
        fileobj=cast(IO[bytes], stream),
        mode="r|",
        bufsize=_READ_BYTES,
        tarinfo=_Header,
    ) as archive:
        for member in _files(archive, wanted):
            if reason := _refusal(member):
                yield unreadable_source(member.name, reason)
                continue
            try:
                unpacked = cast(IO[bytes], archive.extractfile(member))
                content = read_content(unpacked, member.size, whole=whole)
            except OtherFile as error:
                yield unreadable_source(member.name, str(error))
                continue
            yield ImageSource(
                member.name, partial(bytes, content), here=True, size_bytes=len(content)
            )


def _files(archive: tarfile.TarFile, wanted: Wanted) -> Iterator[tarfile.TarInfo]:
    while (member := archive.next()) is not None:
        if member.size < 0:  # reading would go back and never end
            raise tarfile.ReadError("negative size")
        archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
        if not member.isdir() and wanted(member.name):
            yield member


def _refusal(member: tarfile.TarInfo) -> str | None:
    if not member.isreg() or member.issparse():
        return NOT_A_FILE
    return TOO_LARGE if member.size > MAX_BYTES else None


class _Header(tarfile.TarInfo):
    """A member's header that raises an error if it is damaged."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            # `TarFile.next` takes each of these errors for the end of the archive. Only
            # an empty or all-zero block is.
            if buf.strip(b"\0"):
                raise tarfile.ReadError(str(error)) from error
            raise
        if not header.isreg() and not 0 <= header.size <= _MAX_NAME_BYTES:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header
