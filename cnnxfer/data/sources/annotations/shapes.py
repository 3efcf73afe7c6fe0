"""Boxes and polygons from the numbers of annotations."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from cnnxfer.data.geometry import Box
from cnnxfer.errors import DataError

Polygon = tuple[float, ...]  # across, down, across, down, ...
_CORNERS = 32  # of a polygon in place of an ellipse


def numbers(values: Any, place: str, expected: str) -> list[float]:
    """Returns finite numbers, from numbers or texts.

    Args:
        values: what a file has in their place, whatever it is.
        place: what messages call it, such as "a.xml, object 2".
        expected: what stands there in a sound file, such as "[x, y, width, height]".

    Raises:
        DataError: if they are something else.
    """
    try:
        found = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise DataError(f"{place} has {values!r:.60}; expected {expected}.")
    return found


def polygon_of(values: Any, place: str) -> Polygon:
    """Returns a polygon of three corners or more.

    Raises:
        DataError: if the values are no numbers, or not two for each corner.
    """
    expected = "a polygon: x, y, x, y, ... of three corners or more"
    found = numbers(values, place, expected)
    if len(found) < 6 or len(found) % 2:
        raise DataError(f"{place} has {len(found)} numbers; expected {expected}.")
    return tuple(found)


def box_around(polygons: Iterable[Sequence[float]]) -> Box:
    """Returns the smallest box that holds all polygons, at least one."""
    polygons = list(polygons)
    across = [value for polygon in polygons for value in polygon[0::2]]
    down = [value for polygon in polygons for value in polygon[1::2]]
    return min(across), min(down), max(across), max(down)


def ellipse(across: float, down: float, wide: float, high: float) -> Polygon:
    """Returns a polygon in place of an ellipse, of its middle and its half axes."""
    turns = (2 * math.pi * corner / _CORNERS for corner in range(_CORNERS))
    return tuple(
        value
        for turn in turns
        for value in (across + wide * math.cos(turn), down + high * math.sin(turn))
    )
