"""Boxes in images, the views that show what is in them, and where that lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]
Vector = tuple[float, float]  # across and down, in pixels of the upright image
Size = int | tuple[int, int]  # side of a square, or width and height, in pixels

SCALES = (8, 4, 2, 1)  # a JPEG's sides can be divided by these while it is decoded
# Along a side, a reduced image has at least so many pixels for each one of the view. On
# 27 photographs, views then differed by 0.7 to 0.9 levels of 255 from views of the full
# image, 1.8 at most; with 1.5, it would be 1.2 to 1.5, and with 3, 0.3 to 0.5, at half
# the gain in time.
MIN_OVERSAMPLING = 2


@dataclass(frozen=True)
class Geometry:
    """Where in the upright image a view lies, so that boxes and masks can follow it.

    Attributes:
        middle: the point of the image in the middle of the view.
        across: the way in the image from the left edge of the view to its right edge.
        down: the way in the image from the upper edge of the view to its lower edge.
        size: the side of the view, in pixels.
    """

    middle: Vector
    across: Vector
    down: Vector
    size: int

    @staticmethod
    def of_box(
        box: Box, size: int, *, flip: bool = False, vertical_flip: bool = False
    ) -> Geometry:
        """Returns the geometry of a view that shows a box, mirrored or not."""
        left, top, right, bottom = box
        return Geometry(
            ((left + right) / 2, (top + bottom) / 2),
            (left - right if flip else right - left, 0.0),
            (0.0, top - bottom if vertical_flip else bottom - top),
            size,
        )

    @property
    def region(self) -> Box:
        """The smallest box that holds the view; it may reach beyond the image."""
        (x, y), (a, b), (c, d) = self.middle, self.across, self.down
        wide, high = (abs(a) + abs(c)) / 2, (abs(b) + abs(d)) / 2
        return x - wide, y - high, x + wide, y + high

    @property
    def upright(self) -> bool:
        """Whether upright boxes remain upright boxes."""
        return not (self.across[1] or self.down[0])

    def to_view(self, points: np.ndarray) -> np.ndarray:
        """Returns where points of the image lie in the view, in its pixels.

        Args:
            points: `(points, 2)`: across and down, in pixels of the upright image.

        Returns:
            float64 `(points, 2)`; a point outside of [0, size] is not in the view.
        """
        ways = np.linalg.inv(np.array([self.across, self.down]))
        places: np.ndarray = (points - np.array(self.middle)) @ ways + 0.5
        return places * self.size


@dataclass(frozen=True, eq=False)
class Seen:
    """What a view of an image shows.

    Attributes:
        pixels: uint8 `(size, size, 3)`.
        geometry: where in the upright image they lie.
    """

    pixels: np.ndarray
    geometry: Geometry


def square_box(
    width: int, height: int, fraction: float, across: float, down: float
) -> Box:
    """Returns a square inside an image, as (left, top, right, bottom).

    Args:
        width: the width of the image, in pixels.
        height: the height of the image, in pixels.
        fraction: the side of the square, as a fraction of the image's shorter side, in
            (0, 1].
        across: where the square lies: 0 at the left edge, 1 at the right edge.
        down: where the square lies: 0 at the top, 1 at the bottom.

    Returns:
        The edges in pixels, which need not be whole numbers.
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
        image: an image of mode RGB.
        box: what is shown, in pixels of the image.
        size: the size of the view, in pixels.
        flip: whether the view is mirrored left to right.

    Returns:
        uint8 `(height, width, 3)`.
    """
    resized = image.resize(_sides(size), Image.Resampling.BICUBIC, box=box)
    if flip:  # ten times faster than reversing the rows of a NumPy array
        resized = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(resized)


def _sides(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
