"""Unpacks answers that a server has compressed, although nobody asked for that."""

import zlib
from collections.abc import Iterator

from cnnxfer.errors import DataError

_PIECE_BYTES = 1 << 16
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's numbers of what surrounds the data
_GZIP_MARK = b"\x1f\x8b"


def unpacked(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Returns the content of an answer, in small pieces, without its encoding.

    Args:
        pieces: the body, as it was sent.
        encoding: the header Content-Encoding; empty if there is none.

    Raises:
        DataError: if the encoding is unknown, or the body damaged or cut off; the
            message is only the reason.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return pieces
    if name not in ("gzip", "x-gzip", "deflate"):
        known = (
            name if name.isascii() and name.isalnum() else "several, or a strange one"
        )
        raise DataError(f"unknown compression: {known}; expected none, gzip or deflate")
    return _inflated(pieces, "deflate" if name == "deflate" else "gzip")


def _inflated(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    stream = None
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if stream is None or (stream.eof and _is_next(name, rest)):
                    stream = zlib.decompressobj(_wrapping(name, rest))
                if stream.eof:
                    break
                yield stream.decompress(rest, _PIECE_BYTES)
                rest = stream.unused_data if stream.eof else stream.unconsumed_tail
        if stream:
            yield stream.flush()
    except zlib.error as error:
        raise DataError(f"damaged download: not {name}, as the server says") from error
    if stream and not stream.eof:
        raise DataError(f"truncated download: the {name} has no end")


def _is_next(name: str, rest: bytes) -> bool:
    """Tells whether a further part of a gzip begins so, rather than padding."""
    return name == "gzip" and _GZIP_MARK.startswith(rest[: len(_GZIP_MARK)])


def _wrapping(name: str, beginning: bytes) -> int:
    if name == "gzip":
        return _GZIP
    # It should be zlib's, and is often raw.
    return _ZLIB if beginning[0] & 0xF == zlib.DEFLATED else _RAW
