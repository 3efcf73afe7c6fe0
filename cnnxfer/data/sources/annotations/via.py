"""VGG Image Annotator, versions 1 and 2: a project or an export of many images.

Regions are in pixels from 0. Their class is the value of an attribute; of several
attributes, it is the one called so. Where no region has an attribute, all are of one
class.

Source: https://www.robots.ox.ac.uk/~vgg/software/via/
"""

from collections.abc import Iterator
from typing import Any, TypedDict

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
from cnnxfer.records import from_json
from cnnxfer.reporting import listed

NAME = "VIA"
CLASS_NAMES = ("label", "class", "name", "category", "type", "object", "class_name")
ONLY_CLASS = "object"


class _Entry(TypedDict):
    filename: str
    regions: Any


class _Region(TypedDict):
    shape_attributes: dict[str, Any]
    region_attributes: dict[str, Any]


def accepts(document: Any) -> bool:
    """Tells whether a JSON document is of this format: of version 1, 2 or a project."""
    entries = _entries(document)
    first = next(iter(entries.values()), None) if isinstance(entries, dict) else None
    return isinstance(first, dict) and {"filename", "regions"} <= first.keys()


def count(document: Any) -> int:
    """Returns how many images such a document is about."""
    return len(_entries(document))


def read(document: Any, file: str, reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what a document says of each image that exists.

    Raises:
        DataError: if a part is missing or of another type, or it is not clear which
            attribute is the class.
    """
    try:
        entries = from_json(dict[str, _Entry], _entries(document), "images")
        regions = {
            key: from_json(list[_Region], _listed(entry["regions"]), f"{key}.regions")
            for key, entry in entries.items()
        }
    except ValueError as error:
        raise DataError(f"{file}: {error}.") from error
    attribute = _class_attribute(
        [region for found in regions.values() for region in found], file
    )
    split = split_in(reading.pictures.relative(file))
    for key, entry in entries.items():
        path = reading.picture([entry["filename"]], file)
        if path is None:
            continue
        objects = []
        for number, region in enumerate(regions[key], 1):
            place = f"{file}, {entry['filename']}, region {number}"
            name = _name(region["region_attributes"], attribute, place)
            if item := _object(name, region["shape_attributes"], place, reading):
                objects.append(item)
        if regions[key] and not objects:
            reading.set_aside_unread(path)
        else:
            yield AnnotatedImage(path, file, tuple(objects), split=split)


def _entries(document: Any) -> Any:
    if isinstance(document, dict) and "_via_img_metadata" in document:
        return document["_via_img_metadata"]
    return document


def _listed(regions: Any) -> Any:
    # Version 1 numbers them, as the keys of an object.
    return list(regions.values()) if isinstance(regions, dict) else regions


def _class_attribute(regions: list[_Region], file: str) -> str:
    """Returns the name of the attribute that is the class; "" if there is none."""
    names = dict.fromkeys(
        name for region in regions for name in region["region_attributes"]
    )
    for known in CLASS_NAMES:
        for name in names:
            if name.lower().strip() == known:
                return name
    if len(names) > 1:
        raise DataError(
            f"{file}: regions have the attributes {listed(names)}. Call the one that "
            f"is the class {CLASS_NAMES[0]!r}."
        )
    return next(iter(names), "")


def _name(attributes: dict[str, Any], attribute: str, place: str) -> str:
    if not attribute:
        return ONLY_CLASS
    value = attributes.get(attribute)
    if isinstance(value, dict):  # of checkboxes
        chosen = [name for name, is_chosen in value.items() if is_chosen]
        if len(chosen) > 1:
            raise DataError(f"{place} is {listed(chosen)}; expected one class.")
        value = chosen[0] if chosen else ""
    return str(value or "")


def _object(
    name: str, shape: dict[str, Any], place: str, reading: Reading
) -> NamedObject | None:
    def values(*keys: str) -> list[float]:
        return numbers([shape.get(key) for key in keys], place, listed(keys))

    kind = shape.get("name")
    if kind == "rect":
        left, top, width, height = values("x", "y", "width", "height")
        return NamedObject(name, (left, top, left + width, top + height))
    if kind in ("circle", "ellipse"):
        radii = ("r", "r") if kind == "circle" else ("rx", "ry")
        across, down, wide, high = values("cx", "cy", *radii)
        box = (across - wide, down - high, across + wide, down + high)
        return NamedObject(name, box, False, (ellipse(across, down, wide, high),))
    if kind == "polygon":
        xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
        if not isinstance(xs, list) or not isinstance(ys, list):
            raise DataError(f"{place} has no lists all_points_x and all_points_y.")
        if len(xs) != len(ys):
            raise DataError(
                f"{place} has {len(xs)} numbers in all_points_x and {len(ys)} in "
                "all_points_y; expected as many. Draw it anew, or delete it."
            )
        pairs = zip(xs, ys, strict=True)
        polygon = polygon_of([value for pair in pairs for value in pair], place)
        return NamedObject(name, box_around([polygon]), False, (polygon,))
    reading.left_out["region", f"of the kind {kind!r}"] += 1
    return None
