"""Tiles of a picture that is much larger than what a network is shown of it at once.

Tiles overlap, so that an object that is smaller than the overlap is whole in one of
them. What is found in each is brought to the pixels of the picture, and what several
tiles found of one object becomes one (Akyon et al., 2022, "Slicing aided hyper
inference", https://arxiv.org/abs/2202.06934).
"""

import math
from collections.abc import Sequence

import numpy as np

from cnnxfer.data.geometry import Box
from cnnxfer.tasks.boxes.suppression import best_boxes

OVERLAP = 0.25  # of neighbouring tiles, as a share of a tile's side
MAX_IOU = 0.5  # of two objects of a class
# A box that a tile's edge has cut off belongs to the box of a whole object if at least
# this share of it lies there.
COVERED = 0.7
AT_EDGE = (
    0.01  # how close to an edge of its tile a box ends there, as a share of a side
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


def in_picture(
    objects: np.ndarray, tile: Box, shown_size: tuple[int, int]
) -> np.ndarray:
    """Returns the objects of a tile in pixels of the picture.

    Args:
        objects: float `(n, 6)`: left, top, right and bottom in pixels of what the
            network was shown of the tile, score and class.
        tile: its left, top, right and bottom edge, in pixels of the picture.
        shown_size: the width and the height at which it was shown, in pixels.
    """
    left, top, right, bottom = tile
    scale = np.array([right - left, bottom - top]) / shown_size
    found: np.ndarray = objects.astype(np.float64)
    found[:, :4] = found[:, :4] * np.tile(scale, 2) + (left, top, left, top)
    return found


def merged_objects(
    found: Sequence[np.ndarray], tiles: Sequence[Box], size: tuple[int, int]
) -> np.ndarray:
    """Returns what the tiles of a picture show, each object once.

    A box that ends at an edge of its tile, inside the picture, may be a part of an
    object. It is left out if it lies in the box of a whole object of its class. Of
    boxes of a class that overlap by more than `MAX_IOU`, the surest stays; see
    `suppression.best_boxes`. An object that is larger than the overlap and is whole in
    no tile may stay in parts; the whole picture, as one more tile, shows it whole.

    Args:
        found: the objects of each tile, `(n, 6)`, as `in_picture` returns them.
        tiles: the edges of each tile, in pixels of the picture.
        size: the width and the height of the picture, in pixels.

    Returns:
        float64 `(objects, 6)`, the best first.
    """
    none = np.zeros((0, 6))
    in_parts, in_whole = [none], [none]
    for objects, tile in zip(found, tiles, strict=True):
        cut = _is_cut(objects, tile, size)
        in_parts.append(objects[cut])
        in_whole.append(objects[~cut])
    parts, whole = np.concatenate(in_parts), np.concatenate(in_whole)
    inside = _covered(parts, whole) & (parts[:, None, 5] == whole[:, 5])
    kept = parts[~inside.any(axis=1)]
    return best_boxes(np.concatenate([whole, kept]), MAX_IOU)


def _is_cut(objects: np.ndarray, tile: Box, size: tuple[int, int]) -> np.ndarray:
    """Returns which boxes end at an edge of their tile that is not the picture's."""
    near = AT_EDGE * min(tile[2] - tile[0], tile[3] - tile[1])
    at_edge = np.abs(objects[:, :4] - tile) <= near
    inner = np.array(tile) != (0, 0, *size)
    cut: np.ndarray = (at_edge & inner).any(axis=1)
    return cut


def _covered(parts: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Returns which parts lie in which boxes, bool `(parts, whole)`."""
    low = np.maximum(parts[:, None, :2], whole[:, :2])
    high = np.minimum(parts[:, None, 2:4], whole[:, 2:4])
    shared = (high - low).clip(0).prod(axis=-1)
    areas = (parts[:, 2:4] - parts[:, :2]).prod(axis=1)
    covered: np.ndarray = shared >= COVERED * areas[:, None]
    return covered
