"""What several views of a picture show of its objects, each object once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnxfer.data.geometry import Box, Geometry
from cnnxfer.tasks.boxes.suppression import best_boxes

MAX_IOU = 0.5  # of two objects of a class
# A box that the edge of a view has cut off belongs to the box of a whole object if at
# least this share of it lies there.
COVERED = 0.7
AS_SURE = 0.5  # and if its score is at least this share of that of the part
# How close to an edge of its view a box ends there, as a share of the view's side.
AT_EDGE = 0.01


def in_picture(
    objects: np.ndarray, place: Geometry, size: tuple[int, int]
) -> np.ndarray:
    """Returns the objects of an upright view in pixels of the picture.

    Args:
        objects: float `(n, 6)`: left, top, right and bottom in pixels of the view,
            score and class.
        place: where the view lies in the picture, mirrored or not.
        size: the width and the height of the picture, in pixels.

    Returns:
        float64 `(n, 6)`, clipped to the picture; objects outside are left out.
    """
    points = objects[:, :4].astype(np.float64).reshape(-1, 2)
    corners = place.to_image(points).reshape(-1, 2, 2).clip(0, size)
    low, high = corners.min(axis=1), corners.max(axis=1)
    found = np.concatenate([low, high, objects[:, 4:]], axis=1)
    inside: np.ndarray = found[(low < high).all(axis=1)]
    return inside


def merged_objects(
    found: Sequence[np.ndarray], regions: Sequence[Box], size: tuple[int, int]
) -> np.ndarray:
    """Returns what the views of a picture show, each object once.

    A box that ends at an edge of its view, inside the picture, may be a part of an
    object. It is left out if it lies in the box of a whole object of its class that is
    at least half as sure. Of
    boxes of a class that overlap by more than `MAX_IOU`, the surest stays; see
    `suppression.best_boxes`. An object that is whole in no view may stay in parts;
    the whole picture, as one more view, shows it whole.

    Args:
        found: the objects of each view, `(n, 6)`, as `in_picture` returns them.
        regions: the edges of each view, in pixels of the picture; see
            `Geometry.region`.
        size: the width and the height of the picture, in pixels.

    Returns:
        float64 `(objects, 6)`, the best first.
    """
    none = np.zeros((0, 6))
    in_parts, in_whole = [none], [none]
    for objects, region in zip(found, regions, strict=True):
        cut = _is_cut(objects, region, size)
        in_parts.append(objects[cut])
        in_whole.append(objects[~cut])
    parts, whole = np.concatenate(in_parts), np.concatenate(in_whole)
    inside = _covered(parts, whole) & (parts[:, None, 5] == whole[:, 5])
    # One that hardly anything speaks for takes nothing away.
    inside &= whole[:, 4] >= AS_SURE * parts[:, None, 4]
    kept = parts[~inside.any(axis=1)]
    return best_boxes(np.concatenate([whole, kept]), MAX_IOU)


def _is_cut(objects: np.ndarray, region: Box, size: tuple[int, int]) -> np.ndarray:
    """Returns which boxes end at an edge of their view that lies in the picture."""
    left, top, right, bottom = region
    near = AT_EDGE * min(right - left, bottom - top)
    at_edge = np.abs(objects[:, :4] - region) <= near
    inner = np.array([left > 0, top > 0, right < size[0], bottom < size[1]])
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
