"""A list of paths and addresses: `@files.txt`, or `-` for stdin."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from io import RawIOBase
from typing import cast

from cnnxfer.data.images.source import ImageSource, unreadable
from cnnxfer.errors import DataError, reason_of
from cnnxfer.prediction.inputs.entries import count_entries, walk_entry
from cnnxfer.prediction.inputs.globs import near
from cnnxfer.prediction.inputs.kinds import InputOptions

STDIN = "-"
_CHUNK_BYTES = 1 << 16
_LONGEST_BYTES = 1 << 16


def check(item: str, options: InputOptions) -> None:
    """Refuses a list that isn't there or can't be read.

    Raises:
        DataError: with the next step.
    """
    if item == STDIN:
        if sys.stdin is None or sys.stdin.closed:
            raise DataError("- means a list on stdin, which is closed.")
        return
    path = _path(item)
    if os.path.isdir(path):
        raise DataError(
            f"{item} means a list in the file {path!r}, which is a folder. "
            "Name the folder without the @."
        )
    if not os.path.exists(path):
        raise DataError(
            f"{item} means a list in a file, and there is no {path!r}.{near(path)}"
        )
    if not os.access(path, os.R_OK):
        raise DataError(f"the list {path} cannot be read: permission denied.")


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the images of each entry, as soon as it is there.

    An entry is a line, or what lies between NULs where there are any: a file, a
    folder, an archive or an address. Relative paths are relative to the working
    directory, not to the list. Blank lines are passed over. An entry that does not
    exist or holds no image is an unreadable one in its place; a list or a table in a
    list is taken for an image.
    """
    try:
        with _open(item) as stream:
            for entry in _entries(stream):
                yield from walk_entry(entry, options)
    except OSError as error:
        yield unreadable(item, reason_of(error))
    except DataError as error:
        yield unreadable(item, str(error))


def count(item: str, options: InputOptions) -> int | None:
    """Returns how many images a list in a file means.

    None for what can be read only once, and where an entry has no cheap count.
    """
    if item == STDIN or not os.path.isfile(_path(item)):
        return None
    try:
        with _open(item) as stream:
            return count_entries(_entries(stream), options)
    except (OSError, DataError):
        return None


def _path(item: str) -> str:
    return item.removeprefix("@")


def _open(item: str) -> AbstractContextManager[RawIOBase]:
    if item == STDIN:
        # Not the buffer, whose lock Python needs at its end, when a thread may still
        # wait for more.
        buffer = sys.stdin.buffer
        return nullcontext(cast(RawIOBase, getattr(buffer, "raw", buffer)))
    return open(_path(item), "rb", buffering=0)


def _entries(stream: RawIOBase) -> Iterator[str]:
    """Yields the entries that aren't blank, in the letters of the file system.

    Raises:
        DataError: if one is longer than a path or an address can be, or in UTF-16.
    """
    for piece in _pieces(stream):
        if piece.strip():
            yield os.fsdecode(piece)


def _pieces(stream: RawIOBase) -> Iterator[bytes]:
    rest, separator = b"", b"\n"
    mark = codecs.BOM_UTF8
    while chunk := stream.read(_CHUNK_BYTES):  # what there is
        if mark and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DataError("a list in UTF-16; expected UTF-8")
        chunk, mark = chunk.removeprefix(mark), b""
        if b"\0" in chunk:
            separator = b"\0"
        *pieces, rest = (rest + chunk).split(separator)
        for piece in pieces:
            yield _without_return(piece, separator)
        if len(rest) > _LONGEST_BYTES:
            raise DataError("not a list of paths")
    yield _without_return(rest, separator)


def _without_return(piece: bytes, separator: bytes) -> bytes:
    return piece.removesuffix(b"\r") if separator == b"\n" else piece
