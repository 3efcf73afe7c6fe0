"""Reader of a list of paths and web addresses: `@files.txt`, or `-` for stdin."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from io import RawIOBase
from typing import cast

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.data.images.source import ImageSource, unreadable_source
from cnnxfer.data.written_paths import WrittenPaths
from cnnxfer.errors import DataError, reason_of
from cnnxfer.prediction.inputs.entries import count_entries, walk_entry
from cnnxfer.prediction.inputs.globs import hint_for
from cnnxfer.texts import encoding_of

STDIN, COMMENT, NUL = "-", "#", b"\0"
_CHUNK_BYTES = 1 << 16
_MAX_ENTRY_BYTES = 1 << 16


def check(item: str, options: InputOptions) -> None:
    """Checks that a list exists and can be read; see `Reader.check`."""
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
            f"{item} means a list in the file {path!r}, which does not exist."
            f"{hint_for(path)}"
        )
    if not os.access(path, os.R_OK):
        raise DataError(f"the list {path} cannot be read: permission denied.")


def walk(
    item: str, options: InputOptions, passed_over: PassedOver
) -> Iterator[ImageSource]:
    """Yields the images of each entry as soon as the entry has been read.

    An entry is a file, a folder, an archive or a web address. Entries are lines, or are
    separated by NUL characters if there are any. Relative paths are relative to the
    working directory, not to the list; what they mean is found as `WrittenPaths` says.
    Blank lines are skipped, and those that begin with # and name no file. An entry that
    does not exist or holds no image becomes an unreadable image. A list or a table that
    is named in a list is read as an image.
    """
    paths = WrittenPaths()
    try:
        with _open(item) as stream:
            for entry in _entries(stream):
                yield from walk_entry(entry, paths, options, passed_over)
    except OSError as error:
        yield unreadable_source(item, reason_of(error))
    except DataError as error:
        yield unreadable_source(item, str(error))


def count(item: str, options: InputOptions) -> int | None:
    """Returns how many images the list refers to; None if that is slow to count.

    It is None too for a list that can be read only once, such as stdin.
    """
    if item == STDIN or not os.path.isfile(_path(item)):
        return None
    try:
        with _open(item) as stream:
            return count_entries(_entries(stream), WrittenPaths(), options)
    except (OSError, DataError):
        return None


def _path(item: str) -> str:
    return item.removeprefix("@")


def _open(item: str) -> AbstractContextManager[RawIOBase]:
    if item == STDIN:
        # The raw stream, because a thread that waits in the buffered one would hold a
        # lock that Python needs when it exits.
        buffer = sys.stdin.buffer
        return nullcontext(cast(RawIOBase, getattr(buffer, "raw", buffer)))
    return open(_path(item), "rb", buffering=0)


def _entries(stream: RawIOBase) -> Iterator[str]:
    """Yields the entries that are neither blank nor comments, as names of files.

    Raises:
        DataError: if the list cannot be decoded, or an entry is too long for a path or
            an address.
    """
    for entry, separator in _encoded_entries(stream):
        name = os.fsdecode(entry)
        is_comment = separator != NUL and name.startswith(COMMENT)
        if name.strip() and not (is_comment and not os.path.lexists(name)):
            yield name


def _encoded_entries(stream: RawIOBase) -> Iterator[tuple[bytes, bytes]]:
    """Yields the entries, each with what separates it from the next."""
    rest, separator = b"", b""
    for chunk in _chunks(stream):
        if NUL in chunk:
            separator = NUL
        elif not separator:  # old programs end lines in CR alone
            separator = b"\r" if b"\r" in chunk and b"\n" not in chunk else b"\n"
        *entries, rest = (rest + chunk).split(separator)
        for entry in entries:
            yield _without_return(entry, separator), separator
        if len(rest) > _MAX_ENTRY_BYTES:
            raise DataError("not a list of paths")
    yield _without_return(rest, separator), separator


def _chunks(stream: RawIOBase) -> Iterator[bytes]:
    """Yields the content as it arrives, without a mark; UTF-16 becomes UTF-8."""
    decoder = None
    start = True
    while chunk := stream.read(_CHUNK_BYTES):  # returns what is available
        if start:
            start, encoding = False, encoding_of(chunk)
            if not encoding.startswith("utf-8"):
                decoder = codecs.getincrementaldecoder(encoding)()
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
        if decoder is None:
            yield chunk
            continue
        try:
            yield decoder.decode(chunk).encode()
        except UnicodeError as error:
            raise DataError(f"a damaged list in UTF-16: {error}") from error


def _without_return(entry: bytes, separator: bytes) -> bytes:
    """Removes the carriage return of a line that ends in CR LF."""
    return entry.removesuffix(b"\r") if separator == b"\n" else entry
