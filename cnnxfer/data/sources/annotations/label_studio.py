"""Label Studio's JSON export: tasks with results in percent of the picture.

The name of an image is an address; an uploaded one begins with a code: the end of
`/data/upload/1/0a1b2c3d-rose.jpg` means `rose.jpg`. Rectangles may be turned around
their upper left corner, clockwise, in degrees.

Source: https://labelstud.io/guide/export and https://labelstud.io/tags
"""

import re
from collections.abc import Iterator
from math import cos, radians, sin
from typing import Any, TypedDict
from urllib.parse import parse_qs, unquote, urlsplit

from cnnxfer.data.images.names import names_image
from cnnxfer.data.sources.annotations.annotated import (
    AnnotatedImage,
    NamedObject,
    Reading,
)
from cnnxfer.data.sources.annotations.pictures import size_of
from cnnxfer.data.sources.annotations.shapes import (
    Polygon,
    box_around,
    ellipse,
    numbers,
    polygon_of,
)
from cnnxfer.data.sources.split_folders import split_in
from cnnxfer.errors import DataError
from cnnxfer.records import from_json

NAME = "Label Studio"
# The types of results that are about the whole image.
ANSWERS = (
    "choices",
    "datetime",
    "number",
    "pairwise",
    "rating",
    "taxonomy",
    "textarea",
)
_CODE = re.compile(r"[0-9a-f]{8}-")  # before the name of an uploaded file


class _State(TypedDict, total=False):
    was_cancelled: bool | None


class _Annotation(_State):
    result: list[dict[str, Any]]


class _Task(TypedDict):
    data: dict[str, Any]
    annotations: list[_Annotation]


def accepts(document: Any) -> bool:
    """Tells whether a JSON document is of this format."""
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and {"data", "annotations"} <= first.keys()


def count(document: Any) -> int:
    """Returns how many images such a document is about."""
    return len(document)


def read(document: Any, file: str, reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what the first annotation of each task says, if its image exists.

    Raises:
        DataError: if a part is missing or of another type.
    """
    try:
        tasks = from_json(list[_Task], document, "tasks")
    except ValueError as error:
        raise DataError(
            f"{file}: {error}. Export the project anew as JSON (not JSON-MIN)."
        ) from error
    split = split_in(reading.pictures.relative(file))
    tasks_of: dict[str, int] = {}  # the number of the task about each image
    for number, task in enumerate(tasks, 1):
        place = f"{file}, task {number}"
        done = [each for each in task["annotations"] if not each.get("was_cancelled")]
        if not done:
            reading.left_out["task", "without an annotation"] += 1
            continue
        if done[1:]:
            reading.left_out["annotation", "after the first one"] += len(done) - 1
        path = reading.picture(_names(task["data"], place), file)
        if path is None:
            continue
        if (first := tasks_of.setdefault(path, number)) != number:
            raise DataError(
                f"{place} and task {first} are about the same image, {path}. Delete "
                "one of them."
            )
        results = done[0]["result"]
        size = _size(results, path, place)
        objects = [
            item
            for result in results
            for item in _objects(result, size, place, reading)
        ]
        if not objects and any(map(_is_shape, results)):
            reading.set_aside_unread(path)
        else:
            yield AnnotatedImage(path, file, tuple(objects), *size, split=split)


def _is_shape(result: dict[str, Any]) -> bool:
    return result.get("type") not in ANSWERS


def _names(data: dict[str, Any], place: str) -> list[str]:
    """Returns the names that the address of an image may mean."""
    for value in data.values():
        if not isinstance(value, str):
            continue
        try:
            parts = urlsplit(value)
        except ValueError:  # it is no address
            continue
        local = parse_qs(parts.query).get("d", [""])[0]  # /data/local-files/?d=PATH
        for path in (local, unquote(parts.path), value):
            name = path.replace("\\", "/").rpartition("/")[2]
            if names_image(name):
                # The folder of an uploaded one is the number of a project.
                folder = "" if "/upload/" in path else path.lstrip("/")[: -len(name)]
                return [folder + name, folder + _CODE.sub("", name, count=1)]
    raise DataError(f"{place} names no image in its data, which is {data!r:.60}.")


def _size(results: list[dict[str, Any]], path: str, place: str) -> tuple[int, int]:
    """Returns the size that the results tell, or that of the image; 0 if neither."""
    for result in results:
        if result.get("original_width") and result.get("original_height"):
            sides = [result["original_width"], result["original_height"]]
            width, height = numbers(sides, place, "original_width and original_height")
            return int(width), int(height)
    if not results:
        return 0, 0
    try:
        return size_of(path)
    except DataError:  # the index will tell of the image
        return 1, 1


def _objects(
    result: dict[str, Any], size: tuple[int, int], place: str, reading: Reading
) -> Iterator[NamedObject]:
    kind = str(result.get("type"))
    value = result.get("value")
    if not kind.endswith("labels") or not isinstance(value, dict):
        reading.left_out["result", f"of the kind {kind!r}"] += 1
        return
    polygon = _polygon(kind, value, size, place)
    if polygon is None:
        reading.left_out["result", f"of the kind {kind!r}"] += 1
        return
    is_upright = kind == "rectanglelabels" and not value.get("rotation")
    polygons = () if is_upright else (polygon,)
    names = value.get(kind) or [""]
    if not isinstance(names, list):
        raise DataError(f"{place} has {names!r:.60} as {kind}; expected a list.")
    for name in names:
        yield NamedObject(str(name), box_around([polygon]), False, polygons)


def _polygon(
    kind: str, value: dict[str, Any], size: tuple[int, int], place: str
) -> Polygon | None:
    """Returns the outline in pixels; None if it has another form."""
    wide, high = (side / 100 for side in size)
    if kind == "polygonlabels":
        points = value.get("points")
        if not isinstance(points, list) or not all(
            isinstance(point, list) and len(point) == 2 for point in points
        ):
            raise DataError(f"{place} has a polygon without points [x, y].")
        values = polygon_of([number for point in points for number in point], place)
        return tuple(
            number * (high if index % 2 else wide)
            for index, number in enumerate(values)
        )
    keys = {
        "rectanglelabels": ("x", "y", "width", "height"),
        "ellipselabels": ("x", "y", "radiusX", "radiusY"),
    }.get(kind)
    if keys is None:
        return None
    first, second, third, fourth, turn = numbers(
        [*(value.get(key) for key in keys), value.get("rotation") or 0],
        place,
        f"the numbers {', '.join(keys)}",
    )
    left, top, width, height = first * wide, second * high, third * wide, fourth * high
    if kind == "ellipselabels":
        return _turned(ellipse(left, top, width, height), left, top, turn)
    corners = (left, top, left + width, top, left + width, top + height)
    return _turned((*corners, left, top + height), left, top, turn)


def _turned(polygon: Polygon, across: float, down: float, degrees: float) -> Polygon:
    """Returns a polygon turned clockwise around a point."""
    if not degrees:
        return polygon
    c, s = cos(radians(degrees)), sin(radians(degrees))
    pairs = zip(polygon[0::2], polygon[1::2], strict=True)
    return tuple(
        value
        for x, y in ((x - across, y - down) for x, y in pairs)
        for value in (across + x * c - y * s, down + x * s + y * c)
    )
