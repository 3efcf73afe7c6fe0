"""Pictures as a network sees them, decoded as `predict` does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.decoding.frames import FrameReader
from cnnxfer.data.decoding.pool import Decoders
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.images.source import ImageSource
from cnnxfer.limits import MAX_PIXELS
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.prediction.tta import tta_views
from cnnxfer.reporting import Reporter


@dataclass(frozen=True)
class Pictures:
    """Pictures as a network sees them.

    Attributes:
        examples: the pictures.
        pixels: uint8 `(pictures, size, size, 3)`: the square that `predict` shows it.
        sizes: width and height of each upright picture.
        places: where the square lies in each.
    """

    examples: Sequence[Example]
    pixels: np.ndarray
    sizes: Sequence[tuple[int, int]]
    places: Sequence[Geometry]


def read_pictures(
    examples: Sequence[Example], model: ModelSource, size: int, reporter: Reporter
) -> Pictures:
    """Decodes pictures as `predict` does; those that can't be read are left out.

    Args:
        examples: the pictures.
        model: says which part of a picture is seen.
        size: the side of that part in pixels, as the network takes it.
        reporter: warned of what cannot be read.
    """
    views = tta_views("none", model.fraction, size, model.fit)
    sources = [ImageSource(example.id, example.read) for example in examples]
    read, pixels, sizes = [], [], []
    places: list[Geometry] = []
    decoders = Decoders(FrameReader(views, "first", MAX_PIXELS))
    with closing(decoders), closing(decoders.decode(sources)) as decoded:
        for example, picture in zip(examples, decoded, strict=True):
            if picture.pixels is None:
                reporter.warn(f"left out {example.id}: {picture.error}")
                continue
            read.append(example)
            pixels.append(picture.pixels[0])
            sizes.append((picture.width, picture.height))
            places += views.geometries(picture.width, picture.height)
    empty = np.empty((0, size, size, 3), np.uint8)
    return Pictures(read, np.stack(pixels) if pixels else empty, sizes, places)
