"""Decoder processes that tests keep from one index or classifier to the next."""

import pickle
from collections.abc import Generator, Iterable
from typing import Any

from cnnxfer.data.decoding import pool
from cnnxfer.data.decoding.pool import DecodedImage, Decoders
from cnnxfer.data.images.source import ImageSource

MOST_KEPT = 4  # of different readers
_kept: dict[tuple[object, ...], Decoders] = {}


class KeptDecoders:
    """In place of `Decoders`: takes free processes, and leaves them running."""

    def __init__(self, reader: Any, *, processes: int | None = None) -> None:
        limits = pool.TIME_LIMIT_SECONDS, pool.WORKERS
        self._key = (pickle.dumps(reader), processes, *limits)
        kept = _kept.pop(self._key, None)
        self._decoders = kept or Decoders(reader, processes=processes)
        self._decoding = False
        self.closed = False

    def decode(
        self, sources: Iterable[ImageSource]
    ) -> Generator[DecodedImage, None, None]:
        self._decoding = True
        try:
            yield from self._decoders.decode(sources)
        finally:
            self._decoding = False
            self.closed = self.closed or self._decoders.closed

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self._decoding or self._decoders.closed or self._key in _kept:
            self._decoders.close()
            return
        _kept[self._key] = self._decoders
        if len(_kept) > MOST_KEPT:
            _kept.pop(next(iter(_kept))).close()


def close_kept() -> None:
    while _kept:
        _kept.popitem()[1].close()
