"""Strong augmentation: views of any size, shape and colour."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from cnnxfer.data.geometry import Box
from cnnxfer.data.picture import Picture

AREA = (0.35, 1.0)  # of the picture
ASPECT = (3 / 4, 4 / 3)  # width over height
JITTER = 0.4  # brightness, contrast and saturation are scaled by 1 +- so much
CHANCES = 7  # numbers that a view is drawn from

# ITU-R BT.601: how bright red, green and blue are; Pillow's mode L is the same.
LUMA = np.array([0.299, 0.587, 0.114])


def strong_view(
    picture: Picture, size: int, chances: np.ndarray, *, flip: bool
) -> np.ndarray:
    """Returns a random rectangle, stretched to a square, in other light and colours.

    Args:
        picture: what to look at.
        size: side in pixels.
        chances: seven numbers, uniform in [0, 1), that decide the view: area, aspect,
            place across and down, brightness, contrast, saturation.
        flip: whether it is mirrored left to right.

    Returns:
        uint8 `(size, size, 3)`.

    Source: Szegedy et al., 2015, https://arxiv.org/abs/1409.4842, for the rectangle
    (theirs has 8% to 100% of the area: for training from nothing); Howard, 2013,
    https://arxiv.org/abs/1312.5402, for light and colour.
    """
    area, aspect, across, down, *light = (float(chance) for chance in chances)
    box = rectangle(picture.width, picture.height, area, aspect, across, down)
    pixels = picture.view(box, size, flip=flip)
    return jitter(pixels, *(1 + JITTER * (2 * chance - 1) for chance in light))


def rectangle(
    width: int, height: int, area: float, aspect: float, across: float, down: float
) -> Box:
    """Returns a rectangle inside the picture.

    Where the picture is too narrow for one of this area and aspect, it is the largest
    of this aspect.

    Args:
        width: in pixels.
        height: in pixels.
        area: in [0, 1): from the least to the largest of `AREA`.
        aspect: in [0, 1): from the narrowest to the widest of `ASPECT`; in the middle,
            a square.
        across: 0 at the left edge, 1 at the right one.
        down: 0 at the top, 1 at the bottom.
    """
    pixels = width * height * (AREA[0] + area * (AREA[1] - AREA[0]))
    ratio = ASPECT[0] * (ASPECT[1] / ASPECT[0]) ** aspect
    box_width = min(math.sqrt(pixels * ratio), width, height * ratio)
    box_height = min(box_width / ratio, height)  # not above it by a rounding error
    left, top = across * (width - box_width), down * (height - box_height)
    return left, top, left + box_width, top + box_height


def jitter(
    pixels: np.ndarray, brightness: float, contrast: float, saturation: float
) -> np.ndarray:
    """Returns `pixels` in other light and colours; factors of 1 change nothing.

    Args:
        pixels: uint8 `(height, width, 3)`.
        brightness: scales all values.
        contrast: scales their distance from the picture's mean luma.
        saturation: scales their distance from the pixel's own luma.
    """
    # One linear map does all three: x -> saturate @ x * brightness * contrast + shift.
    saturate = saturation * np.eye(3) + (1 - saturation) * LUMA
    mean = brightness * (pixels.mean(axis=(0, 1)) @ LUMA)
    gain, shift = brightness * contrast, (1 - contrast) * mean
    matrix = np.column_stack([gain * saturate, np.full(3, shift)])
    image = Image.fromarray(pixels).convert("RGB", tuple(matrix.ravel().tolist()))
    return np.asarray(image)
