"""COCO's JSON: images, categories, and annotations that refer to both.

Boxes are `[x, y, width, height]` in pixels from 0. An outline is a list of polygons, or
run lengths, as for crowds (`iscrowd`). Ids are any numbers; only names are kept.

Source: https://cocodataset.org/#format-data
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypedDict, TypeVar

from cnnxfer.data.geometry import Box
from cnnxfer.data.masks.rle import box_of, counts_of, text_of
from cnnxfer.data.sources.annotations.annotated import (
    AnnotatedImage,
    NamedObject,
    Reading,
)
from cnnxfer.data.sources.annotations.shapes import (
    Polygon,
    box_around,
    numbers,
    polygon_of,
)
from cnnxfer.data.sources.split_folders import split_in
from cnnxfer.errors import DataError
from cnnxfer.records import Within, from_json

NAME = "COCO"
EXPECTED = "expected a segmentation: a list of polygons, or size and counts of pixels"


# A side of an image, in pixels; some programs write 640.0.
_Side = Annotated[float, Within(0, 1e9)] | None


class _Category(TypedDict):
    id: Any
    name: str


class _Size(TypedDict, total=False):
    width: _Side
    height: _Side


class _Image(_Size):
    id: Any
    file_name: str


_Entry = TypeVar("_Entry", _Category, _Image)


def accepts(document: Any) -> bool:
    """Tells whether a JSON document is of this format; captions alone are not."""
    return isinstance(document, dict) and all(
        isinstance(document.get(key), list)
        for key in ("images", "annotations", "categories")
    )


def count(document: Any) -> int:
    """Returns how many images such a document is about."""
    return len(document["images"])


def read(document: Any, file: str, reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what a document says of each image that exists.

    Raises:
        DataError: if a part is missing or of another type, or an annotation refers to
            an image or a category that the document does not have.
    """
    try:
        categories = from_json(list[_Category], document["categories"], "categories")
        images = from_json(list[_Image], document["images"], "images")
    except ValueError as error:
        raise DataError(f"{file}: {error}.") from error
    names = {key: it["name"] for key, it in _by_id(categories, "categories", file)}
    pages = dict(_by_id(images, "images", file))
    items = _by_image(document["annotations"], pages, names, file)
    split = split_in(reading.pictures.relative(file))
    for key, image in pages.items():
        path = reading.picture([image["file_name"]], file)
        if path is None:
            continue
        width, height = _size(image, [item for _, item in items.get(key, ())])
        objects = tuple(
            _object(item, names[item["category_id"]], [height, width], where, reading)
            for where, item in items.get(key, ())
        )
        yield AnnotatedImage(path, file, objects, width, height, split)


def _size(image: _Image, items: list[dict[str, Any]]) -> tuple[int, int]:
    """Returns the width and height of an image; that of run lengths if it has none."""
    width, height = int(image.get("width") or 0), int(image.get("height") or 0)
    outlines = (item.get("segmentation") for item in items)
    sizes = (outline.get("size") for outline in outlines if isinstance(outline, dict))
    match next(sizes, None):
        case [int(rows), int(columns)] if not width and not height and rows > 0:
            return columns, rows
    return width, height


def _by_id(entries: list[_Entry], kind: str, file: str) -> list[tuple[Any, _Entry]]:
    """Returns entries with their ids, which are different numbers or texts."""
    found = {_key(entry["id"]): entry for entry in entries}
    if len(found) < len(entries) or None in found:
        raise DataError(f"{file}: {kind} have no ids, or the same. Number them.")
    return list(found.items())


def _key(id: Any) -> Any:
    return id if isinstance(id, (int, str, float)) else None


def _by_image(
    annotations: list[Any],
    images: Mapping[Any, _Image],
    names: Mapping[Any, str],
    file: str,
) -> dict[Any, list[tuple[str, dict[str, Any]]]]:
    """Returns the annotations of each image, each with what messages call it."""
    items = defaultdict(list)
    for number, item in enumerate(annotations, 1):
        where = f"{file}, annotation {number}"
        for key, known in (("image_id", images), ("category_id", names)):
            if not isinstance(item, dict) or _key(item.get(key)) not in known:
                found = item.get(key) if isinstance(item, dict) else item
                raise DataError(
                    f"{where} has the {key} {found!r:.40}, which no entry of "
                    f"{'images' if known is images else 'categories'} has. Correct "
                    "it, or delete the annotation."
                )
        items[item["image_id"]].append((where, item))
    return items


def _object(
    item: dict[str, Any], name: str, size: list[int], where: str, reading: Reading
) -> NamedObject:
    outline = item.get("segmentation")
    polygons: tuple[Polygon, ...] = ()
    rle, around = "", None
    if isinstance(outline, dict):
        rle, around = _run_lengths(outline, size, where)
    elif outline:
        polygons = tuple(_polygons(outline, where, reading))
        around = box_around(polygons) if polygons else None
    if item.get("bbox"):
        expected = "a bbox [x, y, width, height]"
        edges = numbers(item["bbox"], where, expected)
        if len(edges) != 4:
            raise DataError(f"{where} has {edges!r:.60}; expected {expected}.")
        x, y, width, height = edges
        around = (x, y, x + width, y + height)
    if around is None:
        raise DataError(f"{where} has neither a bbox nor a segmentation. Delete it.")
    return NamedObject(name, around, bool(item.get("iscrowd")), polygons, rle)


def _polygons(outline: Any, where: str, reading: Reading) -> Iterator[Polygon]:
    if not isinstance(outline, list):
        raise DataError(f"{where} has {outline!r:.60}; {EXPECTED}.")
    for part in outline if isinstance(outline[0], list) else [outline]:
        if isinstance(part, list) and len(part) in (0, 2, 4):
            reading.left_out["outline", "of one or two points"] += 1
        else:
            yield polygon_of(part, where)


def _run_lengths(
    outline: dict[str, Any], size: list[int], where: str
) -> tuple[str, Box]:
    """Returns run lengths in the compressed form, and the box around them."""
    counts: Any = outline.get("counts")
    try:
        runs = counts_of(counts) if isinstance(counts, str) else list(map(int, counts))
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{where} has {counts!r:.60}; {EXPECTED}.") from error
    height, width = size
    if outline.get("size") != size or not _fill(runs, height * width):
        raise DataError(
            f"{where} has run lengths of {sum(runs):,} pixels, and the size "
            f"{outline.get('size')}; expected {size}, the height and width of its "
            "image. Write them anew."
        )
    return text_of(runs), box_of(runs, height)


def _fill(runs: list[int], pixels: int) -> bool:
    return sum(runs) == pixels > 0 and min(runs) >= 0
