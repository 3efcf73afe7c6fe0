"""The cells of the maps from which boxes are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Cells:
    """The cells of square maps, each over the whole view: map by map, row by row.

    Attributes:
        sides: how many cells are in a row of each map.
        image_size: the side of the view, in pixels.
    """

    sides: tuple[int, ...]
    image_size: int

    @staticmethod
    def of_maps(shapes: Sequence[tuple[int, int, int]], image_size: int) -> Cells:
        """Returns the cells of maps of these heights, widths and channels."""
        return Cells(tuple(height for height, _, _ in shapes), image_size)

    @cached_property
    def strides(self) -> np.ndarray:
        """The side of each cell in pixels, float32 `(cells,)`."""
        sides = np.repeat(self.sides, np.square(self.sides))
        return (self.image_size / sides).astype(np.float32)

    @cached_property
    def centres(self) -> np.ndarray:
        """The middle of each cell, across and down in pixels, float32 `(cells, 2)`."""
        # `divmod` of a cell's number in its map: its row, and its place in the row.
        places = [divmod(np.arange(side * side), side)[::-1] for side in self.sides]
        numbers = np.concatenate([np.column_stack(place) for place in places])
        centres: np.ndarray = (numbers + 0.5) * self.strides[:, None]
        return centres.astype(np.float32)

    def boxes(self, distances: Any) -> Any:
        """Returns boxes whose sides are at these distances from the cells' centres.

        Args:
            distances: a tensor `(batch, cells, 4)`: to the left, upper, right and lower
                side, in pixels.

        Returns:
            A tensor `(batch, cells, 4)`: left, top, right and bottom, in pixels of the
            view.
        """
        from keras import ops

        centres = ops.convert_to_tensor(self.centres)
        low, high = centres - distances[..., :2], centres + distances[..., 2:]
        return ops.concatenate([low, high], axis=-1)

    def in_boxes(self, side: int, low: Any, high: Any, counted: Any) -> Any:
        """Returns which centres of the cells of a map are in which boxes.

        Whether a centre is in a box follows from its row and its column alone, so most
        is done for these, which are few.

        Args:
            side: how many cells are in a row of the map.
            low: the left and the upper edge of boxes, a tensor `(batch, boxes, 2)`, in
                pixels.
            high: the right and the lower edge.
            counted: whether a box counts, bool `(batch, boxes)`. No cell is in others.

        Returns:
            A bool tensor `(batch, side * side, boxes)`.
        """
        from keras import ops

        places = (np.arange(side, dtype=np.float32) + 0.5) * (self.image_size / side)
        places = ops.convert_to_tensor(places[:, None, None].astype(np.float32))
        within = ops.logical_and(places >= low[:, None], places <= high[:, None])
        across = ops.logical_and(within[..., 0], counted[:, None])
        inside = ops.logical_and(within[:, :, None, :, 1], across[:, None])
        return ops.reshape(inside, (-1, side * side, low.shape[1]))


def rows_at(table: Any, places: Any) -> Any:
    """Returns rows of the table of each image.

    Args:
        table: a tensor `(batch, rows, columns)`.
        places: the numbers of rows, int32 `(batch, n)`.

    Returns:
        A tensor `(batch, n, columns)`.
    """
    from keras import ops

    places = ops.repeat(places[..., None], table.shape[-1], axis=-1)
    return ops.take_along_axis(table, places, axis=1)
