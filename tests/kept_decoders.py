"""Decoder processes that tests keep from one index to the next."""

from collections.abc import Generator, Iterable
from typing import Any

from cnnxfer.data.decoding import pool
from cnnxfer.data.decoding.pool import DecodedImage, Decoders
from cnnxfer.data.images.source import ImageSource

_kept: dict[tuple[object, ...], Decoders] = {}


class KeptDecoders:
    """In place of `Decoders`: takes free processes, and leaves them running."""

    def __init__(self, reader: Any, *, processes: int | None = None) -> None:
        self._key = (reader, pool.TIME_LIMIT_SECONDS, pool.WORKERS)
        kept = _kept.pop(self._key, None)
        self._decoders = kept or Decoders(reader, processes=processes)

    def decode(
        self, sources: Iterable[ImageSource]
    ) -> Generator[DecodedImage, None, None]:
        yield from self._decoders.decode(sources)

    def close(self) -> None:
        if self._decoders.closed or self._key in _kept:
            self._decoders.close()
        else:
            _kept[self._key] = self._decoders


def close_kept() -> None:
    while _kept:
        _kept.popitem()[1].close()
