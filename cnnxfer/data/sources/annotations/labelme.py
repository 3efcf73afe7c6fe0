"""LabelMe's JSON: a file an image, with its outlines in pixels from 0.

Source: https://github.com/wkentaro/labelme, `labelme/label_file.py`
"""

import base64
import os
from collections.abc import Iterator
from math import hypot
from typing import Annotated, Any, TypedDict

import numpy as np

from cnnxfer.data.masks.mask_file import mask_values
from cnnxfer.data.masks.rle import text_of_mask
from cnnxfer.data.sources.annotations.annotated import (
    AnnotatedImage,
    NamedObject,
    Reading,
)
from cnnxfer.data.sources.annotations.shapes import (
    box_around,
    ellipse,
    numbers,
    polygon_of,
)
from cnnxfer.data.sources.split_folders import split_in
from cnnxfer.errors import DataError
from cnnxfer.limits import MAX_PIXELS
from cnnxfer.records import Within, from_json

NAME = "LabelMe"
_Side = Annotated[float, Within(0, 1e9)] | None  # of an image, in pixels


class _Size(TypedDict, total=False):
    imageWidth: _Side
    imageHeight: _Side


class _Page(_Size):
    shapes: list[dict[str, Any]]
    imagePath: str


def accepts(document: Any) -> bool:
    """Tells whether a JSON document is of this format."""
    return isinstance(document, dict) and {"shapes", "imagePath"} <= document.keys()


def count(document: Any) -> int:
    """Returns how many images such a document is about."""
    return 1


def read(document: Any, file: str, reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what a document says of its image, if that exists.

    Raises:
        DataError: if a part is missing or of another type.
    """
    try:
        page = from_json(_Page, document)
    except ValueError as error:
        raise DataError(f"{file}: {error}.") from error
    width, height = int(page.get("imageWidth") or 0), int(page.get("imageHeight") or 0)
    objects = tuple(
        item
        for number, shape in enumerate(page["shapes"], 1)
        if (item := _object(shape, (width, height), f"{file}, shape {number}", reading))
    )
    stem = os.path.splitext(os.path.basename(file))[0]
    suffix = os.path.splitext(page["imagePath"])[1]
    path = reading.picture([stem + suffix, page["imagePath"], stem], file)
    if path and page["shapes"] and not objects:
        reading.set_aside_unread(path)
    elif path:
        split = split_in(os.path.dirname(reading.pictures.relative(file)))
        yield AnnotatedImage(path, file, objects, width, height, split)


def _object(
    shape: dict[str, Any], size: tuple[int, int], place: str, reading: Reading
) -> NamedObject | None:
    name = str(shape.get("label") or "")
    kind = shape.get("shape_type") or "polygon"
    points = shape.get("points")
    if not isinstance(points, list) or not points:
        raise DataError(f"{place} has no points. Delete it.")
    values: list[float] = []
    for point in points:
        found = numbers(point, place, "points [x, y]")
        if len(found) != 2:
            raise DataError(f"{place} has the point {point!r:.40}; expected [x, y].")
        values += found
    if kind == "circle" and len(points) == 2:  # its middle, and a point on it
        across, down, on_across, on_down = values
        radius = hypot(on_across - across, on_down - down)
        box = (across - radius, down - radius, across + radius, down + radius)
        return NamedObject(name, box, False, (ellipse(across, down, radius, radius),))
    if kind == "mask" and len(points) == 2:
        return _of_pixels(name, shape.get("mask"), values, size, place)
    if kind == "rectangle":  # two corners
        return NamedObject(name, box_around([values]))
    if kind in ("polygon", "rotation"):
        polygon = polygon_of(values, place)
        return NamedObject(name, box_around([polygon]), False, (polygon,))
    reading.left_out["shape", f"of the kind {kind!r}"] += 1
    return None


def _of_pixels(
    name: str, mask: Any, values: list[float], size: tuple[int, int], place: str
) -> NamedObject:
    """Returns an object of pixels: a PNG, in the rectangle of its corner pixels."""
    width, height = size
    left, top, right, bottom = map(int, values)
    right, bottom = right + 1, bottom + 1
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise DataError(
            f"{place} is a mask of the corners {', '.join(map(str, values))}; expected "
            f"some in the image, which has {width} x {height} pixels. Draw it anew."
        )
    if width * height > MAX_PIXELS:
        raise DataError(f"{place} is a mask in over {MAX_PIXELS:,} pixels, the limit.")
    try:
        part = mask_values(base64.b64decode(mask, validate=True))
    except (TypeError, ValueError, DataError) as error:  # the first two, of no base64
        raise DataError(
            f"{place} has no mask that can be read ({error}). Draw it anew."
        ) from error
    if part.shape != (bottom - top, right - left):
        raise DataError(
            f"{place} has a mask of the shape {part.shape}; expected that of its "
            f"corners, {(bottom - top, right - left)}. Draw it anew."
        )
    pixels = np.zeros((height, width), bool)
    pixels[top:bottom, left:right] = part > 0
    box = (float(left), float(top), float(right), float(bottom))
    return NamedObject(name, box, rle=text_of_mask(pixels))
