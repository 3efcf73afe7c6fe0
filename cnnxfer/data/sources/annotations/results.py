"""Objects that `predict` found, as JSON or JSON lines: answers that become labels.

Its CSV and Parquet are tables of boxes.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypedDict

from cnnxfer.data.sources.annotations.annotated import (
    AnnotatedImage,
    NamedObject,
    Reading,
)
from cnnxfer.data.sources.annotations.shapes import numbers
from cnnxfer.data.tables import names_of, open_table
from cnnxfer.errors import DataError
from cnnxfer.records import Within, from_json

NAME = "results of predict"
KEYS = {"path", "width", "height", "objects"}
COLUMNS = ("error", "frame", "rank")  # of its tables, besides those of other tables
UNREAD = ("image", "that predict could not read")

_Side = Annotated[int, Within(1, 1e9)]  # of the upright image, in pixels


class _Object(TypedDict):
    label: str
    box: list[Any]


class _More(TypedDict, total=False):
    frame: int | None
    split: Literal["train", "validation", "test"] | None


class _Answer(_More):
    path: str
    width: _Side
    height: _Side
    objects: list[_Object]


def accepts(document: Any) -> bool:
    """Tells whether a JSON document is a list of such answers."""
    return isinstance(document, list) and any(
        isinstance(item, dict) and item.keys() >= KEYS for item in document
    )


def count(document: Any) -> int:
    """Returns how many images such a document is about."""
    return len(document)


def read(document: Any, file: str, reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields the answers whose images exist; images that could not be read are told.

    Raises:
        DataError: if a part is missing or of another type, or an answer is about a
            frame, which no file of its own has.
    """
    for number, record in enumerate(document, 1):
        place = f"{file}, answer {number}"
        if isinstance(record, dict) and "error" in record:
            reading.left_out[UNREAD] += 1
            continue
        try:
            answer = from_json(_Answer, record)
        except ValueError as error:
            raise DataError(f"{place}: {error}.") from error
        if answer.get("frame") is not None:
            raise about_frame(place, answer["path"])
        path = reading.picture([answer["path"]], file)
        if path is not None:
            objects = tuple(_object(item, place) for item in answer["objects"])
            size = answer["width"], answer["height"]
            yield AnnotatedImage(path, file, objects, *size, answer.get("split"))


def accepts_table(file: str) -> bool:
    """Tells whether a file has such answers in JSON lines."""
    if not file.lower().endswith(".jsonl"):
        return False
    return set(names_of(open_table(file))) >= KEYS


def read_table(file: str, reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields the answers of a file of JSON lines; see `read`."""
    table = open_table(file)
    names = names_of(table)
    records = [
        {key: value for key, value in zip(names, row, strict=True) if value is not None}
        for row in table.rows(names)
    ]
    yield from read(records, file, reading)


def about_frame(place: str, path: str) -> DataError:
    """Returns the error for an answer that is about a frame."""
    return DataError(
        f"{place} is about a frame of {path}; expected whole files. Save the frames as "
        "images, and predict anew."
    )


def _object(item: _Object, place: str) -> NamedObject:
    expected = "a box [left, top, right, bottom]"
    edges = numbers(item["box"], place, expected)
    if len(edges) != 4:
        raise DataError(
            f"{place} has the box {item['box']!r:.60}; expected {expected}."
        )
    left, top, right, bottom = edges
    return NamedObject(item["label"], (left, top, right, bottom))
