"""A region of a picture, moved: one antialiased path from picture to view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from cnnxfer.data.augmentation.motion import Motion
from cnnxfer.data.images.geometry import Box
from cnnxfer.data.images.picture import Picture

PAD_MODES: dict[str, Any] = {
    "nearest": "edge",
    "reflect": "symmetric",
    "wrap": "wrap",
    "constant": "constant",
}
REACH = 2  # of the bicubic filter, in pixels
LONGEST = 16  # of what is repeated of a panorama at full resolution, in views


def warp(
    picture: Picture,
    region: Box,
    size: int,
    motion: Motion,
    *,
    fill: str,
    fill_value: int,
) -> np.ndarray:
    """Returns what a region of a picture shows when it is moved.

    Beyond the region is the rest of the picture, and beyond that what `fill` says. An
    upright rectangle inside the picture is resized once, as every other view is. Else
    what is needed of the picture is resized with antialiasing to one pixel for each of
    the view's, filled up, and turned by bicubic interpolation.

    Args:
        picture: what to look at.
        region: inside the picture, in its pixels.
        size: side of the view, in pixels.
        motion: how what the region shows is moved.
        fill: a key of `PAD_MODES`.
        fill_value: of `constant`, from 0 to 255.

    Returns:
        uint8 `(size, size, 3)`.

    Raises:
        DataError: if the picture is truncated or corrupt; the message is the reason.
    """
    # From points of the view, (0, 0) to (1, 1), to pixels of the picture.
    sides = np.array([region[2] - region[0], region[3] - region[1]])
    steps = sides[:, None] * motion.matrix
    middle = np.array(region[:2]) + sides / 2 + sides * motion.shift
    origin = middle - steps.sum(axis=1) / 2
    reach = np.abs(steps).sum(axis=1) / 2
    box: Box = (*(middle - reach).tolist(), *(middle + reach).tolist())
    if motion.upright and _inside(box, picture):
        pixels = picture.view(box, size, flip=bool(steps[0, 0] < 0))
        return pixels[::-1] if steps[1, 1] < 0 else pixels

    density = size / np.linalg.norm(steps, axis=1)
    columns = _Span.of(box[0], box[2], picture.width, density[0], size, fill)
    rows = _Span.of(box[1], box[3], picture.height, density[1], size, fill)
    shown = picture.view(
        (columns.start, rows.start, columns.end, rows.end),
        (columns.pixels, rows.pixels),
    )
    options = {"constant_values": fill_value} if fill == "constant" else {}
    padding = (rows.padding, columns.padding, (0, 0))
    canvas = np.pad(shown, padding, PAD_MODES[fill], **options)

    # From pixels of the view to pixels of the canvas.
    scale = np.array([columns.density, rows.density])
    offset = np.array([columns.padding[0], rows.padding[0]])
    start = np.array([columns.start, rows.start])
    affine = np.column_stack(
        [scale[:, None] * steps / size, scale * (origin - start) + offset]
    )
    # Pillow rounds down here, so that all is half a level darker on average.
    turned = Image.fromarray(canvas).transform(
        (size, size),
        Image.Transform.AFFINE,
        tuple(affine.ravel().tolist()),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(turned)


@dataclass(frozen=True)
class _Span:
    """What is taken of the picture along one axis, and what is added to it.

    Attributes:
        start: in pixels of the picture.
        end: the same.
        pixels: that it is resized to.
        padding: how many are missing before and after it.
    """

    start: float
    end: float
    pixels: int
    padding: tuple[int, int]

    @property
    def density(self) -> float:
        """Its pixels to one of the picture."""
        return self.pixels / (self.end - self.start)

    @classmethod
    def of(
        cls, low: float, high: float, length: int, density: float, size: int, fill: str
    ) -> _Span:
        """Returns what covers `low` to `high` of a picture of that length."""
        low, high = low - REACH / density, high + REACH / density
        start, end = 0.0, float(length)
        if fill != "wrap" or (low >= 0 and high <= length):
            # To mirror it, as much is needed on this side of an edge as beyond it.
            start = max(0.0, min(low, 2 * length - high))
            end = min(float(length), max(high, -low))
        pixels = min(round((end - start) * density), LONGEST * size)
        pixels = max(pixels, 1)
        scale = pixels / (end - start)
        padding = (start - low) * scale, (high - end) * scale
        before, after = (max(0, math.ceil(missing)) for missing in padding)
        return cls(start, end, pixels, (before, after))


def _inside(box: Box, picture: Picture) -> bool:
    # Pillow allows no rounding error.
    left, top, right, bottom = box
    return (
        left >= 0 and top >= 0 and right <= picture.width and bottom <= picture.height
    )
