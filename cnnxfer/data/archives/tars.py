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

from cnnxfer.data.dataset import MAX_BYTES, NOT_A_FILE, TOO_LARGE, read_bytes
from cnnxfer.data.images.source import ImageSource, unreadable_source

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


def members(path: str, wanted: Wanted) -> Iterator[ImageSource]:
    """Yields the files in a tar archive, as `archives.members` describes.

    Files of a compressed archive are held in memory; those of a plain one are read
    from the archive when they are needed.
    """
    with open(path, "rb") as file:
        start = file.peek(8)
        for magic, decompress in DECOMPRESSORS.items():
            if start.startswith(magic):
                with decompress(file) as stream:
                    yield from _compressed(stream, wanted)
                return
        yield from _plain(path, file, wanted)


def _plain(path: str, file: BufferedReader, wanted: Wanted) -> Iterator[ImageSource]:
    size_bytes = os.fstat(file.fileno()).st_size
    with tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as archive:
        for member in _files(archive, wanted):
            if reason := _refusal(member):
                yield unreadable_source(member.name, reason)
                continue
            if member.offset_data + member.size > size_bytes:
                raise tarfile.ReadError("unexpected end of data")
            read = partial(read_bytes, Path(path), member.offset_data, member.size)
            yield ImageSource(member.name, read)


def _compressed(stream: BufferedIOBase, wanted: Wanted) -> Iterator[ImageSource]:
    with tarfile.open(
        fileobj=stream, mode="r|", bufsize=_READ_BYTES, tarinfo=_Header
    ) as archive:
        for member in _files(archive, wanted):
            if reason := _refusal(member):
                yield unreadable_source(member.name, reason)
                continue
            content = cast(IO[bytes], archive.extractfile(member)).read()
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
