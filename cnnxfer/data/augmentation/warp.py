"""Resamples a region of an image under an affine map, with antialiasing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from cnnxfer.data.augmentation.motion import Motion
from cnnxfer.data.geometry import Box, Geometry
from cnnxfer.data.images.picture import Picture

PAD_MODES: dict[str, Any] = {
    "nearest": "edge",
    "reflect": "symmetric",
    "wrap": "wrap",
    "constant": "constant",
}
FILTER_RADIUS = 2  # of the bicubic filter, in pixels
# The most pixels that an image is resized to along an axis, in sides of the view.
MAX_SPAN_VIEWS = 16


def moved(region: Box, size: int, motion: Motion) -> Geometry:
    """Returns the geometry of a view of a region whose contents are moved.

    Args:
        region: the region inside the image, in pixels of the image.
        size: the side of the view, in pixels.
        motion: how the contents of the region are moved.
    """
    sides = np.array([region[2] - region[0], region[3] - region[1]])
    steps = sides[:, None] * motion.matrix
    middle = np.array(region[:2]) + sides / 2 + sides * motion.shift
    across, down = steps.T.tolist()
    return Geometry(tuple(middle.tolist()), tuple(across), tuple(down), size)


def warp(
    picture: Picture, geometry: Geometry, *, fill: str, fill_value: int
) -> np.ndarray:
    """Returns the view that a geometry describes.

    Outside of the image, the view shows what `fill` says. If the view is an upright
    rectangle inside the image, it is resized once, as other views are. Otherwise the
    part of the image that is needed is resized with antialiasing to the view's
    resolution, padded, and then turned with bicubic interpolation.

    Args:
        picture: the image.
        geometry: where in the image the view lies.
        fill: a key of `PAD_MODES`: what is shown outside of the image.
        fill_value: the grey level for the fill "constant", from 0 to 255.

    Returns:
        uint8 `(size, size, 3)`.

    Raises:
        DataError: if the image is truncated or corrupt; the message is only the
            reason.
    """
    box, size = geometry.region, geometry.size
    # Points of the view, from (0, 0) to (1, 1), are mapped to pixels of the image.
    steps = np.array([geometry.across, geometry.down]).T
    origin = np.array(geometry.middle) - steps.sum(axis=1) / 2
    if geometry.upright and _inside(box, picture):
        pixels = picture.view(box, size, flip=bool(steps[0, 0] < 0))
        return pixels[::-1] if steps[1, 1] < 0 else pixels

    density = size / np.linalg.norm(steps, axis=1)
    columns = _Span.of(box[0], box[2], picture.width, density[0], size, fill)
    rows = _Span.of(box[1], box[3], picture.height, density[1], size, fill)
    shown = picture.view(
        (columns.start, rows.start, columns.end, rows.end),
        (columns.pixels, rows.pixels),
    )
    widths = (rows.padding, columns.padding, (0, 0))
    canvas = pad(shown, widths, fill=fill, fill_value=fill_value)

    # Pixels of the view are mapped to pixels of the canvas.
    scale = np.array([columns.density, rows.density])
    offset = np.array([columns.padding[0], rows.padding[0]])
    start = np.array([columns.start, rows.start])
    affine = np.column_stack(
        [scale[:, None] * steps / size, scale * (origin - start) + offset]
    )
    # Pillow rounds down here, so views get darker by half a level on average.
    turned = Image.fromarray(canvas).transform(
        (size, size),
        Image.Transform.AFFINE,
        tuple(affine.ravel().tolist()),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(turned)


def pad(
    pixels: np.ndarray,
    widths: Sequence[tuple[int, int]],
    *,
    fill: str,
    fill_value: int,
) -> np.ndarray:
    """Returns pixels with a border drawn around them.

    Args:
        pixels: uint8, of any shape.
        widths: how much is added before and after, for each axis.
        fill: a key of `PAD_MODES`: what the border shows.
        fill_value: the grey level for the fill "constant", from 0 to 255.
    """
    options = {"constant_values": fill_value} if fill == "constant" else {}
    return np.pad(pixels, widths, PAD_MODES[fill], **options)


@dataclass(frozen=True)
class _Span:
    """The part of an image that a view needs along one axis, and its padding.

    Attributes:
        start: where the part begins, in pixels of the image.
        end: where the part ends, in pixels of the image.
        pixels: how many pixels the part is resized to.
        padding: how many pixels are added before and after it.
    """

    start: float
    end: float
    pixels: int
    padding: tuple[int, int]

    @property
    def density(self) -> float:
        """How many pixels of the resized part stand for one pixel of the image."""
        return self.pixels / (self.end - self.start)

    @classmethod
    def of(
        cls, low: float, high: float, length: int, density: float, size: int, fill: str
    ) -> _Span:
        """Returns the span that covers `low` to `high` of an image of that length."""
        low, high = low - FILTER_RADIUS / density, high + FILTER_RADIUS / density
        start, end = 0.0, float(length)
        if fill != "wrap" or (low >= 0 and high <= length):
            # Mirroring needs as much inside of an edge as it fills outside of it.
            start = max(0.0, min(low, 2 * length - high))
            end = min(float(length), max(high, -low))
        pixels = min(round((end - start) * density), MAX_SPAN_VIEWS * size)
        pixels = max(pixels, 1)
        scale = pixels / (end - start)
        padding = (start - low) * scale, (high - end) * scale
        before, after = (max(0, math.ceil(missing)) for missing in padding)
        return cls(start, end, pixels, (before, after))


def _inside(box: Box, picture: Picture) -> bool:
    # Exactly: Pillow refuses a box that exceeds the image by a rounding error.
    left, top, right, bottom = box
    return (
        left >= 0 and top >= 0 and right <= picture.width and bottom <= picture.height
    )
