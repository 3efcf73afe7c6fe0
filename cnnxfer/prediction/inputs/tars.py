"""A tar archive, plain or compressed: read once, from the beginning to the end."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import IO, BinaryIO, Self, cast

from cnnxfer.data.dataset import MAX_BYTES, NO_FILE, TOO_LARGE, read_bytes
from cnnxfer.data.image_source import ImageSource, unreadable
from cnnxfer.prediction.inputs.archives import (
    check_members,
    member_name,
    walk_members,
)
from cnnxfer.prediction.inputs.image_names import member_names_image
from cnnxfer.prediction.inputs.kinds import InputOptions

# How compressed files begin.
DECOMPRESSORS: dict[bytes, Callable[[BinaryIO], BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
_READ_BYTES = 1 << 16
_LONGEST_HEADER_BYTES = 1 << 20  # of a name, which Python reads as long as it says


def check(item: str, options: InputOptions) -> None:
    """Refuses an archive that can't be opened or holds no image; see `walk`."""
    check_members(item, _members(item))


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the images in the archive's order, whatever folders they are in.

    Those of a compressed archive are in memory; the others are read where they lie.
    """
    return walk_members(item, _members(item))


def count(item: str, options: InputOptions) -> None:
    """Returns None: the whole archive would have to be read."""


def _members(item: str) -> Iterator[ImageSource]:
    with open(item, "rb") as file:
        start = file.peek(8)
        for magic, decompress in DECOMPRESSORS.items():
            if start.startswith(magic):
                with decompress(file) as stream:
                    yield from _compressed(item, stream)
                return
        yield from _plain(item, file)


def _plain(item: str, file: BinaryIO) -> Iterator[ImageSource]:
    size_bytes = os.fstat(file.fileno()).st_size
    with tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as archive:
        for member in _images(archive):
            name = member_name(item, member.name)
            if reason := _refusal(member):
                yield unreadable(name, reason)
                continue
            if member.offset_data + member.size > size_bytes:
                raise tarfile.ReadError("unexpected end of data")
            place = (Path(item), member.offset_data, member.size)
            yield ImageSource(name, partial(read_bytes, *place))


def _compressed(item: str, stream: BufferedIOBase) -> Iterator[ImageSource]:
    with tarfile.open(
        fileobj=stream, mode="r|", bufsize=_READ_BYTES, tarinfo=_Header
    ) as archive:
        for member in _images(archive):
            name = member_name(item, member.name)
            if reason := _refusal(member):
                yield unreadable(name, reason)
                continue
            content = cast(IO[bytes], archive.extractfile(member)).read()
            yield ImageSource(
                name, partial(bytes, content), here=True, size_bytes=len(content)
            )


def _images(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := archive.next()) is not None:
        if member.size < 0:  # reading would go back, for ever
            raise tarfile.ReadError("negative size")
        archive.members.clear()  # type: ignore[attr-defined]  # else it keeps them all
        if member_names_image(member.name) and not member.isdir():
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
