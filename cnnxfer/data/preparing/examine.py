"""Finds out what the index tells of an image, in a decoder process."""

from collections.abc import Iterator

import numpy as np

from cnnxfer.data.decoding.child import Record
from cnnxfer.data.images.decode import ANIMATED, TURNS, is_animated, open_image
from cnnxfer.data.images.perceptual_hash import (
    SAMPLES,
    perceptual_hash,
    sample_pixels,
)
from cnnxfer.data.images.picture import Picture
from cnnxfer.errors import PassingError

MAX_GREY_GAP = 8  # of 255: how far channels of a grey may differ after compression
# Of 255: 12 bits, in pixels of 16, reach 16; and resizing may overshoot a little.
MAX_DIM_LEVEL = 20


def examine(content: bytes) -> Iterator[Record]:
    """Yields the record of an encoded image, whose facts are fields of an `IndexRow`.

    Raises:
        DataError: if the image cannot be decoded; the message is only the reason.
    """
    picture = Picture(content)
    pixels = sample_pixels(picture)
    # A picture smaller than its sample, such as a digit of 28 pixels, has no fine
    # frequencies, which distinguish images best: most digits would look like copies.
    is_small = min(picture.width, picture.height) < SAMPLES
    facts = {
        "format": picture.format,
        "mode": picture.mode,
        "orientation": picture.orientation if picture.orientation in TURNS else 1,
        "frames": _count_frames(content) if picture.format in ANIMATED else 1,
        "grey": _is_grey(pixels),
        "dim": picture.has_many_bits and int(pixels.max()) <= MAX_DIM_LEVEL,
        "phash": "" if is_small else perceptual_hash(pixels),
    }
    yield {"width": picture.width, "height": picture.height, "facts": facts}, None


def _is_grey(pixels: np.ndarray) -> bool:
    red, green, blue = np.moveaxis(pixels, -1, 0)
    least = np.minimum(np.minimum(red, green), blue)
    greatest = np.maximum(np.maximum(red, green), blue)
    return bool((greatest - least).max() <= MAX_GREY_GAP)


def _count_frames(content: bytes) -> int:
    opened = open_image(content)
    try:
        return int(opened.n_frames) if is_animated(opened) else 1  # type: ignore[attr-defined]
    except (MemoryError, PassingError):
        raise
    except Exception:  # a later frame is broken; only the first one is used
        return 1
