"""Which rectangle of a picture a training view shows."""

from __future__ import annotations

import math

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.images.geometry import Box, square_box


def choose_region(
    augment: Augment,
    central_crop: float,
    chances: KeyedRandom,
    *,
    width: int,
    height: int,
    image_size: int,
) -> Box:
    """Returns a rectangle inside the picture, in pixels.

    Args:
        augment: how large it is, and where; see its `crop`, `area` and `shorter_side`.
        central_crop: side of the square in the middle, where there is none of these.
        chances: what it is drawn from.
        width: of the picture.
        height: of the picture.
        image_size: side of the view.
    """
    across, down = chances.of(count=2)
    if augment.area:
        area, aspect = chances.of("area", 2)
        share = augment.area + area * (1 - augment.area)
        ratio = augment.aspect ** (2 * aspect - 1)
        return rectangle(width, height, share, ratio, across, down)
    if augment.shorter_side:
        sides = augment.shorter_side_to - augment.shorter_side
        side = augment.shorter_side + int(chances.of("shorter_side")[0] * (sides + 1))
        fraction = min(1, image_size / side)
    elif augment.crop:
        fraction = augment.crop
    else:
        fraction, across, down = central_crop, 0.5, 0.5
    return square_box(width, height, fraction, across, down)


def rectangle(
    width: int, height: int, share: float, ratio: float, across: float, down: float
) -> Box:
    """Returns a rectangle inside the picture.

    Where the picture is too narrow for one of this area and shape, it is the largest
    of this shape.

    Args:
        width: in pixels.
        height: in pixels.
        share: its area, of the picture's.
        ratio: its shape, width over height.
        across: 0 at the left edge, 1 at the right one.
        down: 0 at the top, 1 at the bottom.
    """
    pixels = width * height * share
    box_width = min(math.sqrt(pixels * ratio), width, height * ratio)
    box_height = min(box_width / ratio, height)  # not above it by a rounding error
    left, top = across * (width - box_width), down * (height - box_height)
    return left, top, left + box_width, top + box_height
