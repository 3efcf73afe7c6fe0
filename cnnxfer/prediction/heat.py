"""Where in an upright picture a class is seen, from what each view of it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cnnxfer.data.geometry import Box, Geometry
from cnnxfer.tasks.answer import RankedClass

MAX_SIDE = 1024  # longest side of a heat map, in pixels


@dataclass(frozen=True, eq=False)
class Heat:
    """Where a model sees a class in a picture.

    Attributes:
        ranked: the class, with the rank and the probability that the model gives it.
        seen: for each view that the model is shown, float32 `(rows, columns)`: the
            heat at equal parts of the view, at least 0.
        places: where in the upright picture each of these views lies.
    """

    ranked: RankedClass
    seen: Sequence[np.ndarray]
    places: Sequence[Geometry]

    @property
    def caption(self) -> str:
        """The class and its probability."""
        return f"{self.ranked.label} {self.ranked.probability:.1%}"

    @property
    def region(self) -> Box:
        """The part of the picture that the model is shown; it may reach beyond it."""
        lefts, tops, rights, bottoms = zip(
            *(place.region for place in self.places), strict=True
        )
        return min(lefts), min(tops), max(rights), max(bottoms)

    def in_picture(self, picture: tuple[int, int], side: int) -> np.ndarray:
        """Returns the heat in all of the picture, the mean of its views.

        Args:
            picture: the width and height of the upright picture, in pixels.
            side: longest side of the result, in pixels.

        Returns:
            float32 `(height, width)`, at least 0; 0 where nothing speaks for the class,
            or the model is not shown that part of the picture.
        """
        size = size_within(picture, side)
        views = zip(self.seen, self.places, strict=True)
        maps = [heat_in_picture(seen, place, picture, size) for seen, place in views]
        mean: np.ndarray = np.mean(maps, axis=0)
        return mean


def size_within(picture: tuple[int, int], side: int) -> tuple[int, int]:
    """Returns the width and height of a picture, reduced to a longest side."""
    scale = min(1.0, side / max(picture))
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))


def heat_in_picture(
    heat: np.ndarray,
    place: Geometry,
    picture: tuple[int, int],
    size: tuple[int, int],
) -> np.ndarray:
    """Returns the heat in a view as heat in its picture, smoothly from place to place.

    Args:
        heat: float32 `(rows, columns)` in [0, 1], at equal parts of the view.
        place: where the view lies in the upright picture.
        picture: the width and height of the picture, in pixels.
        size: the width and height of the result.

    Returns:
        float32 `(height, width)` in [0, 1]; 0 outside of the view.
    """
    # Where the corners of the result lie in the picture, in the view, and in the heat.
    corners = np.array([(0, 0), (picture[0], 0), (0, picture[1])])
    cells = place.to_view(corners) * (np.array(heat.shape[::-1]) / place.size)
    start, right, down = cells
    across, along = (right - start) / size[0], (down - start) / size[1]
    affine = (across[0], along[0], start[0], across[1], along[1], start[1])
    found = Image.fromarray(heat.astype(np.float32)).transform(
        size, Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC
    )
    return np.asarray(found).clip(0, 1)
