"""Where a view lies in its image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Box = tuple[float, float, float, float]  # left, top, right and bottom, in pixels
Vector = tuple[float, float]  # across and down, in pixels of the upright image


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

    def seen_of(self, width: int, height: int) -> tuple[Span, Span]:
        """Returns what is seen of an image, along its width and along its height.

        The view has to be upright.
        """
        assert self.upright
        left, top, right, bottom = self.region
        return (
            Span.of(left, right, width, self.size),
            Span.of(top, bottom, height, self.size),
        )

    def on_whole_pixels(self, width: int, height: int) -> Geometry:
        """Returns a view in which the edges of an image lie between whole pixels.

        So the image can be resized to these pixels, and drawn into the view. Nothing of
        it moves by more than half a pixel of the view, which has to be upright. If a
        view is mirrored, so is what is returned for it.
        """
        across, down = self.seen_of(width, height)
        (x, y), (a, _), (_, d) = self.middle, self.across, self.down
        x, a = across.moved(x, a, self.size)
        y, d = down.moved(y, d, self.size)
        return Geometry((x, y), (a, 0.0), (0.0, d), self.size)

    def to_view(self, points: np.ndarray) -> np.ndarray:
        """Returns where points of the image lie in the view, in its pixels.

        Args:
            points: `(points, 2)`: across and down, in pixels of the upright image.

        Returns:
            float64 `(points, 2)`; a point outside of [0, size] is not in the view.
        """
        ways = np.linalg.inv(self._ways)
        places: np.ndarray = (points - np.array(self.middle)) @ ways + 0.5
        return places * self.size

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Returns where points of the view lie in the image; the inverse of `to_view`.

        Args:
            points: `(points, 2)`: across and down, in pixels of the view.

        Returns:
            float64 `(points, 2)`, in pixels of the upright image.
        """
        steps = (points / self.size - 0.5) @ self._ways
        places: np.ndarray = steps + np.array(self.middle)
        return places

    @property
    def _ways(self) -> np.ndarray:
        return np.array([self.across, self.down])


class Span(NamedTuple):
    """What an upright view shows of an image along one axis, before it is mirrored.

    Attributes:
        low: where it begins, in pixels of the image.
        high: where it ends.
        first: where it begins in the view, rounded to whole pixels.
        last: where it ends in the view; it is `first` if next to nothing is seen.
    """

    low: float
    high: float
    first: int
    last: int

    @staticmethod
    def of(start: float, end: float, length: int, size: int) -> Span:
        """Returns what a view from `start` to `end` shows of an image of a length.

        All are in pixels of the image, but `size`, the side of the view in its own.
        """
        low, high = max(0.0, start), min(float(length), end)
        if high <= low:
            return Span(0.0, 0.0, 0, 0)
        density = size / (end - start)
        first, last = ((edge - start) * density for edge in (low, high))
        return Span(low, high, round(first), round(last))

    def moved(self, middle: float, way: float, size: int) -> tuple[float, float]:
        """Returns the middle and the way of the view that shows it on whole pixels."""
        if self.first == self.last:
            return middle, way
        pixel = (self.high - self.low) / (self.last - self.first)
        start = self.low - self.first * pixel
        return start + pixel * size / 2, math.copysign(pixel * size, way)


def part_in_square(polygon: Sequence[Vector], side: float) -> list[Vector]:
    """Returns the part of a convex polygon that lies in [0, side] across and down.

    Args:
        polygon: its corners in order: across and down.
        side: the side of the square.

    Returns:
        The corners of the part in order; there may be more of them than before, or
        none.

    Source: Sutherland and Hodgman, 1974, https://doi.org/10.1145/360767.360802.
    """
    part = list(polygon)
    for axis in (0, 1):
        for edge, inwards in ((0.0, 1), (side, -1)):
            corners, part = part, []
            for number, corner in enumerate(corners):
                before = corners[number - 1]
                depth = inwards * (corner[axis] - edge)
                depth_before = inwards * (before[axis] - edge)
                if depth * depth_before < 0:  # the side between them crosses the edge
                    share = depth / (depth - depth_before)
                    part.append(
                        (
                            corner[0] + share * (before[0] - corner[0]),
                            corner[1] + share * (before[1] - corner[1]),
                        )
                    )
                if depth >= 0:
                    part.append(corner)
    return part


def area_of(polygon: Sequence[Vector]) -> float:
    """Returns the area of a polygon with these corners in order."""
    doubled = 0.0
    for number, (x, y) in enumerate(polygon):
        x_before, y_before = polygon[number - 1]
        doubled += x_before * y - x * y_before
    return abs(doubled) / 2


@dataclass(frozen=True, eq=False)
class Seen:
    """What a view of an image shows.

    Attributes:
        pixels: uint8 `(size, size, 3)`.
        geometry: where in the upright image they lie.
    """

    pixels: np.ndarray
    geometry: Geometry
