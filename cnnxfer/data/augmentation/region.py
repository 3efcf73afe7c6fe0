"""Chooses the region of an image, or of its frame, that a training view shows."""

from __future__ import annotations

import math

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.geometry import Box
from cnnxfer.data.images.boxes import square_box


def choose_region(
    augment: Augment,
    fraction: float,
    random: KeyedRandom,
    *,
    width: float,
    height: float,
    image_size: int,
) -> Box:
    """Returns a random region inside an image or another frame, in the frame's units.

    Args:
        augment: its `area` and `aspect`, `shorter_side` or `crop` decide the size.
        fraction: the side of the central square, as a fraction of the frame's shorter
            side; used if `augment` sets none of these.
        random: what the region is drawn from.
        width: the width of the frame.
        height: the height of the frame.
        image_size: the side of the view, in pixels.
    """
    across, down = random.uniform(count=2)
    if augment.area != "none":
        area, aspect = random.uniform("area", 2)
        share = augment.area + area * (1 - augment.area)
        ratio = augment.aspect ** (2 * aspect - 1)
        return rectangle(width, height, share, ratio, across, down)
    if augment.shorter_side != "none":
        assert augment.shorter_side_to != "none"
        sides = augment.shorter_side_to - augment.shorter_side
        chance = random.uniform("shorter_side")[0]
        side = augment.shorter_side + int(chance * (sides + 1))
        fraction = min(1, image_size / side)
    elif augment.crop != "none":
        fraction = augment.crop
    else:
        across, down = 0.5, 0.5
    return square_box(width, height, fraction, across, down)


def rectangle(
    width: float, height: float, share: float, ratio: float, across: float, down: float
) -> Box:
    """Returns a rectangle inside a frame, in the frame's units.

    If a rectangle of this area and shape does not fit, it is the largest one of this
    shape that does.

    Args:
        width: the width of the frame.
        height: the height of the frame.
        share: the area of the rectangle, as a fraction of the frame's.
        ratio: the shape of the rectangle: its width divided by its height.
        across: where the rectangle lies: 0 at the left edge, 1 at the right edge.
        down: where the rectangle lies: 0 at the top, 1 at the bottom.
    """
    pixels = width * height * share
    box_width = min(math.sqrt(pixels * ratio), width, height * ratio)
    box_height = min(box_width / ratio, height)  # a rounding error must not exceed it
    left, top = across * (width - box_width), down * (height - box_height)
    return left, top, left + box_width, top + box_height
