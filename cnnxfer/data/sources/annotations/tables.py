"""Tables with a row an object: the path of its image, its class and its box.

The box is in pixels from 0, as its edges or as its upper left corner and size; see
`table_columns` for the names of the columns. A row without class and box is about an
image without an object. A CSV of six cells a line, without names above, is RetinaNet's:
path, left, top, right, bottom and class.

Source: https://github.com/fizyr/keras-retinanet#csv-datasets
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cnnxfer.data.dataset import TRAIN, Dataset
from cnnxfer.data.sources import table
from cnnxfer.data.sources.annotations.annotated import (
    AnnotatedImage,
    NamedObject,
    Reading,
)
from cnnxfer.data.sources.annotations.dataset import assemble
from cnnxfer.data.sources.annotations.pictures import Pictures
from cnnxfer.data.sources.annotations.shapes import numbers
from cnnxfer.data.sources.layout import utf8_name
from cnnxfer.data.sources.split_folders import split_in
from cnnxfer.data.sources.table_columns import Columns
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter, listed

SUFFIXES = (".csv", ".tsv")
MAX_TRIED = 10  # files that may be of another kind


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the images of a table, with their boxes if it has columns of these.

    A table without is read by `table.load`.

    Raises:
        DataError: if the table cannot be read or understood; the message names the
            row.
    """
    if not table.columns_of(spec).edges:
        return table.load(spec, reporter)
    used, rows = table.read_rows(spec, reporter)
    root = os.path.dirname(spec)
    reading = Reading(root, (), Pictures(root), reporter)
    images = list(_images(spec, used, rows, reading))
    others: dict[str, tuple[str, ...]] = {}  # of the first row about each image
    for row, image in images:
        others.setdefault(image.path, row.others)
    columns = dict(zip(used.others, zip(*others.values(), strict=True), strict=False))
    name = utf8_name(Path(spec).stem)
    return assemble((image for _, image in images), reading, spec, name, columns)


def find(names: Sequence[str], root: str) -> list[str]:
    """Returns the tables of boxes; of those, the ones that are splits, if any are."""
    files = [name for name in names if name.lower().endswith(SUFFIXES)]
    found: list[str] = []
    for tried, name in enumerate(files):
        if tried == MAX_TRIED and not found:
            break
        if _has_boxes(os.path.join(root, name)):
            found.append(name)
    splits = {name: split_in(name) for name in found}
    is_divided = TRAIN in splits.values()
    return [name for name in found if splits[name] or not is_divided]


def read(files: Sequence[str], reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what each row says of its image; the name of a table may tell a split."""
    for file in files:
        columns, rows = table.read_rows(file, reading.reporter)
        split = split_in(reading.pictures.relative(file))
        for _, image in _images(file, columns, rows, reading):
            yield replace(image, split=image.split or split)


def _has_boxes(path: str) -> bool:
    try:
        return bool(table.columns_of(path).edges)
    except DataError:  # it is of another kind, or lacks the column of paths
        return False


def _images(
    file: str, columns: Columns, rows: Sequence[table.Row], reading: Reading
) -> Iterator[tuple[table.Row, AnnotatedImage]]:
    reading.format = "a table of boxes"
    stem = os.path.splitext(os.path.basename(file))[0]
    objects = [_objects(row, columns, f"{file}, row {row.number}") for row in rows]
    edges = [edge for found in objects for item in found for edge in item.box]
    if edges and max(edges) <= 1 and not all(edge.is_integer() for edge in edges):
        raise DataError(
            f"{file} has boxes between {min(edges):g} and {max(edges):g}; expected "
            "pixels, not fractions. Multiply them by the sides of their images."
        )
    for row, found in zip(rows, objects, strict=True):
        path: str | None = os.path.normpath(row.path)
        if row.exists:
            reading.name(os.path.normpath(row.path), row.id, file)
        else:
            path = reading.picture([row.id], file, (*row.labels, stem))
        if path is not None:
            place = f"{file}, row {row.number}"
            size = _or_zero(row.size) or (0, 0)
            width, height = map(int, numbers(size, place, "the size of the image"))
            yield row, AnnotatedImage(path, file, found, width, height, row.split)


def _objects(row: table.Row, columns: Columns, place: str) -> tuple[NamedObject, ...]:
    name = listed(row.labels) if row.labels else ""
    if len(row.labels) > 1:
        raise DataError(f"{place} is about {name}; expected a row for each object.")
    if not any(map(table.filled, row.edges)):
        if name:
            raise DataError(
                f"{place} is about {name} and has no box. Fill it in; or leave out the "
                "class, if the image has no object."
            )
        return ()
    first, second, third, fourth = numbers(row.edges, place, listed(columns.edges))
    if columns.are_sizes:
        third, fourth = first + third, second + fourth
    return (NamedObject(name, (first, second, third, fourth)),)


def _or_zero(cells: Sequence[object]) -> list[object]:
    return [cell if table.filled(cell) else 0 for cell in cells]
