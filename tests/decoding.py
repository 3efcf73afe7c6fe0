"""Decodes images in processes that end with the last one."""

from collections.abc import Generator, Iterable
from contextlib import closing
from typing import Any

from cnnxfer.data.decoding.frames import FrameReader, ViewFunction
from cnnxfer.data.decoding.pool import DecodedImage, Decoders
from cnnxfer.data.images.source import ImageSource


def decode_all(
    sources: Iterable[ImageSource], see: ViewFunction, ahead: int = 128, **options: Any
) -> Generator[DecodedImage, None, None]:
    """Starts the first process, and returns the results."""
    return _results(Decoders(FrameReader(see, **options), ahead=ahead), sources)


def _results(
    decoders: Decoders, sources: Iterable[ImageSource]
) -> Generator[DecodedImage, None, None]:
    with closing(decoders):
        yield from decoders.decode(sources)
