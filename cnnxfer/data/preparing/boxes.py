"""Makes boxes fit the picture that they are for, once its true size is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from cnnxfer.data.dataset import IndexRow
from cnnxfer.data.geometry import Box
from cnnxfer.data.images.decode import SIDEWAYS
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.errors import DataError

# What is done to boxes; all of it is told.
SCALED, TURNED = "scaled", "turned"
CLIPPED, OUTSIDE, NO_AREA = "clipped", "outside", "no-area"
Repaired = tuple[str, str]  # what was done, and of what

# In pixels: coordinates as fractions, and sizes that were divided, are rounded.
ROUNDING = 1.0
MAX_STRETCH = 0.05  # of a side; rounding the sizes of icons may do more

Point = tuple[float, float]
# Where a point of a stored picture lies in the upright one, by the EXIF orientation;
# the arguments are the point and the stored width and height.
_TO_UPRIGHT: dict[int, Callable[[float, float, float, float], Point]] = {
    5: lambda x, y, width, height: (y, x),
    6: lambda x, y, width, height: (height - y, x),
    7: lambda x, y, width, height: (height - y, width - x),
    8: lambda x, y, width, height: (y, width - x),
}


def fit_boxes(objects: Objects, row: IndexRow) -> tuple[Objects, list[Repaired]]:
    """Returns objects in pixels of their upright picture, and what was done for that.

    Boxes for another size of the picture are scaled, and those for the picture as it is
    stored are turned as it is. What lies outside of the picture is cut off, and boxes
    without an area, or wholly outside, are left out. An edge that is outside by less
    than a pixel is rounded, which is not told.

    Args:
        objects: as the data set has them; their size is what it says of the picture.
        row: the picture.

    Raises:
        DataError: if the data set says a size of another shape, or no box is left; the
            message is only the reason.
    """
    size = row.width, row.height
    objects, repaired = _resized(objects, row)
    kept = []
    for item in objects.objects:
        left, top, right, bottom = item.box
        box = (
            min(max(left, 0.0), size[0]),
            min(max(top, 0.0), size[1]),
            min(max(right, 0.0), size[0]),
            min(max(bottom, 0.0), size[1]),
        )
        if left >= right or top >= bottom:
            repaired.append((NO_AREA, _text(item.box)))
        elif box[0] >= box[2] or box[1] >= box[3]:
            repaired.append((OUTSIDE, _text(item.box)))
        else:
            beyond = max(abs(a - b) for a, b in zip(item.box, box, strict=True))
            if beyond >= ROUNDING:
                repaired.append((CLIPPED, _text(item.box)))
            kept.append(replace(item, box=box))
    if objects.objects and not kept:  # which would make it background
        raise DataError(f"boxes that are all outside or empty: {repaired[-1][1]}")
    return Objects(tuple(kept), *size), repaired


def _resized(objects: Objects, row: IndexRow) -> tuple[Objects, list[Repaired]]:
    """Returns objects in pixels of the upright picture, wherever they lie in it."""
    width, height = recorded = objects.width, objects.height
    size = row.width, row.height
    if not width or not height or recorded == size:
        return objects, []
    note = f"for {width} x {height} pixels, not {row.width} x {row.height}"
    if _same_shape(recorded, size):
        turn, repaired = None, [(SCALED, note)]
    elif row.orientation in SIDEWAYS and _same_shape(recorded, size[::-1]):
        turn, repaired = _TO_UPRIGHT[row.orientation], [(TURNED, note)]
        if recorded != size[::-1]:
            repaired.append((SCALED, note))
        recorded = recorded[::-1]
    else:
        raise DataError(f"boxes {note}")
    across, down = size[0] / recorded[0], size[1] / recorded[1]

    def moved(x: float, y: float) -> Point:
        x, y = turn(x, y, width, height) if turn else (x, y)
        return x * across, y * down

    return replace(
        objects, objects=tuple(_moved(item, moved) for item in objects.objects)
    ), repaired


def _same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tells whether one size is the other, enlarged or reduced and rounded."""
    scale = max(other[0] / size[0], other[1] / size[1])
    return all(
        abs(a * scale - b) <= min(max(ROUNDING, scale), MAX_STRETCH * b)
        for a, b in zip(size, other, strict=True)
    )


def _moved(item: LabelledBox, moved: Callable[[float, float], Point]) -> LabelledBox:
    (x, y), (u, v) = moved(*item.box[:2]), moved(*item.box[2:])
    left, top, right, bottom = item.box
    if left >= right or top >= bottom:  # which sorting would hide
        return replace(item, box=(x, y, x, y))
    return replace(
        item,
        box=(min(x, u), min(y, v), max(x, u), max(y, v)),
        polygons=tuple(
            tuple(number for point in _points(it) for number in moved(*point))
            for it in item.polygons
        ),
    )


def _points(polygon: tuple[float, ...]) -> Iterator[Point]:
    return zip(polygon[::2], polygon[1::2], strict=False)


def _text(box: Box) -> str:
    return ", ".join(f"{number:.4g}" for number in box)
