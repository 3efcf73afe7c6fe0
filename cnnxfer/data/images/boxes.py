"""Boxes in images, and the views that show what is in them."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cnnxfer.data.geometry import Box
from cnnxfer.data.images.resize import resize

Size = int | tuple[int, int]  # side of a square, or width and height, in pixels

SCALES = (8, 4, 2, 1)  # a JPEG's sides can be divided by these while it is decoded
# Along a side, a reduced image has at least so many pixels for each one of the view. On
# 27 photographs, views then differed by 0.7 to 0.9 levels of 255 from views of the full
# image, 1.8 at most; with 1.5, it would be 1.2 to 1.5, and with 3, 0.3 to 0.5, at half
# the gain in time.
MIN_OVERSAMPLING = 2


def square_box(
    width: float, height: float, fraction: float, across: float, down: float
) -> Box:
    """Returns a square inside an image, as (left, top, right, bottom).

    Args:
        width: the width of the image, in pixels or another unit.
        height: the height of the image, in the same unit.
        fraction: the side of the square, as a fraction of the image's shorter side, in
            (0, 1].
        across: where the square lies: 0 at the left edge, 1 at the right edge.
        down: where the square lies: 0 at the top, 1 at the bottom.

    Returns:
        The edges in that unit, which need not be whole numbers.
    """
    side = fraction * min(width, height)
    left, top = across * (width - side), down * (height - side)
    return left, top, left + side, top + side


def reduction(box: Box, size: Size) -> int:
    """Returns how many times smaller a JPEG may be decoded to show `box` at `size`.

    All commands use this rule, so that they see the same pixels.

    Args:
        box: what is shown, in pixels of the whole image.
        size: the size of the view, in pixels.

    Returns:
        One of `SCALES`.
    """
    sides = list(zip((box[2] - box[0], box[3] - box[1]), _sides(size), strict=True))
    return next(
        (
            scale
            for scale in SCALES
            if all(side / scale >= MIN_OVERSAMPLING * shown for side, shown in sides)
        ),
        1,
    )


def view(image: Image.Image, box: Box, size: Size, *, flip: bool = False) -> np.ndarray:
    """Returns what lies in a box of an image, resized with antialiasing (bicubic).

    Args:
        image: an image of mode RGB, or L for grey.
        box: what is shown, in pixels of the image.
        size: the size of the view, in pixels.
        flip: whether the view is mirrored left to right.

    Returns:
        uint8 `(height, width, 3)`.
    """
    resized = resize(image, _sides(size), box)
    if flip:  # ten times faster than reversing the rows of a NumPy array
        resized = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(resized if resized.mode == "RGB" else resized.convert("RGB"))


def _sides(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
