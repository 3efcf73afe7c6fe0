"""A tar archive, plain or compressed: read once, from the beginning to the end."""

from __future__ import annotations

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

from cnnxfer.data.dataset import MAX_BYTES, NO_FILE, TOO_LARGE, read_bytes
from cnnxfer.data.images.source import ImageSource, unreadable

# How compressed files begin.
DECOMPRESSORS: dict[bytes, Callable[[BinaryIO], BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
Wanted = Callable[[str], bool]

_READ_BYTES = 1 << 16
_LONGEST_HEADER_BYTES = 1 << 20  # of a name, which Python reads as long as it says


def members(path: str, wanted: Wanted) -> Iterator[ImageSource]:
    """Yields the files in a tar archive; see `archives.members`.

    Those of a compressed archive are in memory; the others are read where they lie.
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
                yield unreadable(member.name, reason)
                continue
            if member.offset_data + member.size > size_bytes:
                raise tarfile.ReadError("unexpected end of data")
            place = (Path(path), member.offset_data, member.size)
            yield ImageSource(member.name, partial(read_bytes, *place))


def _compressed(stream: BufferedIOBase, wanted: Wanted) -> Iterator[ImageSource]:
    with tarfile.open(
        fileobj=stream, mode="r|", bufsize=_READ_BYTES, tarinfo=_Header
    ) as archive:
        for member in _files(archive, wanted):
            if reason := _refusal(member):
                yield unreadable(member.name, reason)
                continue
            content = cast(IO[bytes], archive.extractfile(member)).read()
            yield ImageSource(
                member.name, partial(bytes, content), here=True, size_bytes=len(content)
            )


def _files(archive: tarfile.TarFile, wanted: Wanted) -> Iterator[tarfile.TarInfo]:
    while (member := archive.next()) is not None:
        if member.size < 0:  # reading would go back, for ever
            raise tarfile.ReadError("negative size")
        archive.members.clear()  # type: ignore[attr-defined]  # else it keeps them all
        if not member.isdir() and wanted(member.name):
            yield member


def _refusal(member: tarfile.TarInfo) -> str | None:
    if not member.isreg() or member.issparse():
        return NO_FILE
    return TOO_LARGE if member.size > MAX_BYTES else None


class _Header(tarfile.TarInfo):
    """A member's header that doesn't pass over damage."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            # `TarFile.next` takes any for the end, which is nothing or all zeros.
            if buf.strip(b"\0"):
                raise tarfile.ReadError(str(error)) from error
            raise
        if not header.isreg() and not 0 <= header.size <= _LONGEST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header
