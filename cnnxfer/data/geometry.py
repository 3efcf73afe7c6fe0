"""Where a view lies in its image."""

from __future__ import annotations

from dataclasses import dataclass

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
