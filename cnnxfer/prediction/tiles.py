"""Tiles of a picture that is much larger than what a network is shown of it at once.

Tiles overlap, so that an object that is smaller than the overlap is whole in one of
them; `merging` makes one object of what several tiles show of it (Akyon et al., 2022,
"Slicing aided hyper inference", https://arxiv.org/abs/2202.06934).
"""

import math
from dataclasses import dataclass

import numpy as np

from cnnxfer.data.geometry import Box, Geometry
from cnnxfer.data.images.frame import on_grey
from cnnxfer.data.images.picture import Picture
from cnnxfer.errors import DataError
from cnnxfer.prediction.tta import SquareViews

OVERLAP = 0.25  # of neighbouring tiles, as a share of a tile's side
MAX_TILES = 500  # of a picture; with 320 pixels, they take 150 MB


@dataclass(frozen=True)
class TileViews:
    """The usual views of a picture and, if it is larger than a tile, all of its tiles.

    The usual ones show objects that are larger than the overlap of tiles.

    Attributes:
        usual: the usual views.
        side: the side of a tile, in pixels of the picture.
    """

    usual: SquareViews
    side: int

    def __call__(self, picture: Picture) -> np.ndarray:
        """Returns the pixels of all views, uint8 `(views, size, size, 3)`.

        Raises:
            DataError: if there are more than `MAX_TILES`.
        """
        tiles = self._tiles(picture.width, picture.height)
        if len(tiles) > MAX_TILES:
            raise DataError(
                f"{len(tiles):,} tiles of {self.side} pixels, over {MAX_TILES}, the "
                "limit; use larger ones"
            )
        return np.stack(
            [*self.usual(picture), *(on_grey(picture, place) for place in tiles)]
        )

    def geometries(self, width: int, height: int) -> tuple[Geometry, ...]:
        """Returns where the views lie in a picture; see `SquareViews.geometries`."""
        usual = self.usual.geometries(width, height)
        return (*usual, *self._tiles(width, height))

    def _tiles(self, width: int, height: int) -> tuple[Geometry, ...]:
        if max(width, height) <= self.side:
            return ()
        return tuple(
            Geometry.of_box(
                (left, top, left + self.side, top + self.side), self.usual.size
            ).on_whole_pixels(width, height)
            for left, top, _, _ in tiles_of((width, height), self.side)
        )


def tiles_of(size: tuple[int, int], side: float, overlap: float = OVERLAP) -> list[Box]:
    """Returns the squares that cover a picture, row by row.

    All have the same side, and they are spread evenly: the first and the last of a row
    end with the picture. A picture that is smaller than a tile in one direction has one
    tile there, which is as large as the picture.

    Args:
        size: the width and the height of the upright picture, in pixels.
        side: the side of a tile in pixels of the picture, above 0.
        overlap: the least share of a side that neighbours have in common, in [0, 1).

    Returns:
        The left, top, right and bottom edge of each, in pixels of the picture.
    """
    across, down = (_spans(length, side, overlap) for length in size)
    return [
        (left, top, right, bottom) for top, bottom in down for left, right in across
    ]


def _spans(length: float, side: float, overlap: float) -> list[tuple[float, float]]:
    """Returns where tiles begin and end along a side of the picture."""
    rest = length - side
    if rest <= 0:
        return [(0.0, length)]
    # Rounding errors must not add a tile.
    steps = max(1, math.ceil(rest / (side * (1 - overlap)) - 1e-9))
    return [
        (rest * step / steps, length - rest * (steps - step) / steps)
        for step in range(steps + 1)
    ]
