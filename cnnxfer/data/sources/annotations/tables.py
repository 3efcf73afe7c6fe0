"""Tables with a row an object: the path of its image, its class and its box.

The box is in pixels from 0, as its edges or as its upper left corner and size; see
`table_columns` for the names of the columns. A row without class and box is about an
image without an object. A CSV of six cells a line, without names above, is RetinaNet's:
path, left, top, right, bottom and class. Tables of `OTHERS` have no columns of edges.

Source: https://github.com/fizyr/keras-retinanet#csv-datasets
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from cnnxfer.data.dataset import (
    CLASSIFICATION,
    DETECTION,
    LOCALIZATION,
    MULTI_LABEL,
    TRAIN,
    Dataset,
)
from cnnxfer.data.geometry import Box
from cnnxfer.data.sources import table
from cnnxfer.data.sources.annotations import results, via_table
from cnnxfer.data.sources.annotations.annotated import (
    AnnotatedImage,
    NamedObject,
    Reading,
)
from cnnxfer.data.sources.annotations.dataset import assemble, without_boxes
from cnnxfer.data.sources.annotations.pictures import Pictures, size_of
from cnnxfer.data.sources.annotations.shapes import numbers
from cnnxfer.data.sources.layout import utf8_name
from cnnxfer.data.sources.split_folders import split_in
from cnnxfer.data.sources.table_columns import Columns
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter, SilentReporter, listed
from cnnxfer.spelling import option
from cnnxfer.texts import open_lines

SUFFIXES = (".csv", ".tsv")
MAX_TRIED = 10  # files that may be of another kind
OTHERS = (via_table, results)  # which are known by their columns


def check(spec: str) -> None:
    """Raises a DataError if a table cannot be read, or lacks a column that it needs."""
    if not any(each.accepts_table(spec) for each in OTHERS):
        table.check(spec)


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the images of a table, with their boxes if it has some.

    A table without columns of boxes, or with something else in most rows of them, is
    read by `table.load`, and so is each table for classification.

    Raises:
        DataError: if the table cannot be read or understood; the message names the
            row.
    """
    for other in OTHERS:
        if other.accepts_table(spec):
            reading = _reading(spec, reporter, other.NAME)
            images = other.read_table(spec, reading)
            return assemble(images, reading, spec, _name(spec))
    columns = table.columns_of(spec)
    if not columns.edges:
        return table.load(spec, reporter)
    with_boxes = partial(_load_boxes, spec)
    if _has_boxes(spec):
        return with_boxes(reporter)
    reporter.info(
        f"{spec}: most rows have no box in pixels in {listed(columns.edges)}, so it is "
        f"read as a table of classes; for what is wrong: {option('--task', DETECTION)}"
    )
    others = dict.fromkeys((LOCALIZATION, DETECTION), with_boxes)
    return replace(table.load(spec, reporter), others=others)


def _load_boxes(spec: str, reporter: Reporter) -> Dataset:
    columns, rows = table.read_rows(spec, reporter)
    if not any(row.exists for row in rows):  # images that only their names tell
        return _assembled(spec, columns, rows, reporter)
    tasks = [CLASSIFICATION]
    # Else, images have the labels of all their rows.
    if len({row.file for row in rows}) == len(rows):
        tasks.append(MULTI_LABEL)
    by_classes = dict.fromkeys(tasks, partial(table.load, spec))
    try:
        found = _assembled(spec, columns, rows, reporter)
    except DataError as error:
        return without_boxes(_name(spec), str(error), by_classes)
    return replace(found, others={**found.others, **by_classes})


def _assembled(
    spec: str, columns: Columns, rows: Sequence[table.Row], reporter: Reporter
) -> Dataset:
    reading = _reading(spec, reporter)
    images = list(_images(spec, columns, rows, reading))
    others: dict[str, tuple[str, ...]] = {}  # of the first row about each image
    for row, image in images:
        others.setdefault(image.path, row.others)
    values = zip(*others.values(), strict=True)
    by_name = dict(zip(columns.others, values, strict=False))
    annotated = (image for _, image in images)
    return assemble(annotated, reading, spec, _name(spec), by_name)


def _reading(spec: str, reporter: Reporter, format: str = "") -> Reading:
    root = os.path.dirname(spec)
    return Reading(root, (), Pictures(root), reporter, format)


def _name(spec: str) -> str:
    return utf8_name(Path(spec).stem)


def find(names: Sequence[str], root: str) -> list[str]:
    """Returns the tables of boxes; of those, the ones that are splits, if any are."""
    files = [name for name in names if name.lower().endswith(SUFFIXES)]
    found: list[str] = []
    for tried, name in enumerate(files):
        if tried == MAX_TRIED and not found:
            break
        if _may_have_boxes(os.path.join(root, name)):
            found.append(name)
    splits = {name: split_in(name) for name in found}
    is_divided = TRAIN in splits.values()
    return [name for name in found if splits[name] or not is_divided]


def read(files: Sequence[str], reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what each row says of its image; the name of a table may tell a split."""
    for file in files:
        split = split_in(reading.pictures.relative(file))
        try:
            for image in _of_file(file, reading):
                yield replace(image, split=image.split or split)
        except DataError as error:
            reading.note_broken(error, _lines(file) - 1)


def _of_file(file: str, reading: Reading) -> Iterator[AnnotatedImage]:
    if via_table.accepts_table(file):
        reading.format = via_table.NAME
        yield from via_table.read_table(file, reading)
        return
    columns, rows = table.read_rows(file, reading.reporter)
    for _, image in _images(file, columns, rows, reading):
        yield image


def _lines(file: str) -> int:
    try:
        with open_lines(file) as lines:
            return sum(1 for _ in lines)
    except (OSError, UnicodeError):
        return 0


def _may_have_boxes(path: str) -> bool:
    if via_table.accepts_table(path):
        return True
    try:
        columns = table.columns_of(path)
    except DataError:  # it is of another kind, or lacks the column of paths
        return False
    try:
        return bool(columns.edges) and _has_boxes(path)
    except DataError:  # which reading it will tell
        return True


def _has_boxes(path: str) -> bool:
    """Tells whether no fewer than half of the rows about objects have a box in pixels.

    Raises:
        DataError: if the table cannot be read.
    """
    columns, rows = table.read_rows(path, SilentReporter())
    rows = [row for row in rows if row.labels or any(map(table.filled, row.edges))]
    found = [box for row in rows if (box := _box_or_none(row, columns))]
    return (
        2 * len(found) >= len(rows)
        and not _are_fractions(found)
        and not (columns.are_sizes and _are_of_images(rows))
    )


def _box_or_none(row: table.Row, columns: Columns) -> Box | None:
    try:
        found = _objects(row, columns, "")
    except DataError:
        return None
    return found[0].box if found else None


def _are_fractions(boxes: Iterable[Box]) -> bool:
    edges = [edge for box in boxes for edge in box]
    return (
        bool(edges) and max(edges) <= 1 and not all(edge.is_integer() for edge in edges)
    )


def _are_of_images(rows: Iterable[table.Row]) -> bool:
    """Tells whether the sizes in the first rows are those of the whole images.

    Then a corner elsewhere than at 0 is that of something else.
    """
    corners = []
    for row in islice((row for row in rows if row.exists), MAX_TRIED):
        with suppress(DataError):  # the index will tell of the image
            x, y, width, height = numbers(row.edges, "", "")
            if (width, height) != size_of(row.path):
                return False
            corners.append((x, y))
    return any(map(any, corners))


def _images(
    file: str, columns: Columns, rows: Sequence[table.Row], reading: Reading
) -> Iterator[tuple[table.Row, AnnotatedImage]]:
    reading.format = "a table of boxes"
    rows = _answered(file, columns, rows, reading)
    stem = os.path.splitext(os.path.basename(file))[0]
    objects = [_objects(row, columns, f"{file}, row {row.number}") for row in rows]
    boxes = [item.box for found in objects for item in found]
    if _are_fractions(boxes):
        edges = [edge for box in boxes for edge in box]
        raise DataError(
            f"{file} has boxes between {min(edges):g} and {max(edges):g}; expected "
            "pixels, not fractions. Multiply them by the sides of their images."
        )
    sizes = [_size(row, f"{file}, row {row.number}") for row in rows]
    if _are_of_boxes(sizes, objects):
        sizes = [(0, 0)] * len(rows)
    for row, found, (width, height) in zip(rows, objects, sizes, strict=True):
        path: str | None = os.path.normpath(row.path)
        if row.exists:
            reading.name(os.path.normpath(row.path), row.id, file)
        else:
            path = reading.picture([row.id], file, (*row.labels, stem))
        if path is not None:
            yield row, AnnotatedImage(path, file, found, width, height, row.split)


def _answered(
    file: str, columns: Columns, rows: Sequence[table.Row], reading: Reading
) -> Sequence[table.Row]:
    """Returns the rows without those of images that `predict` could not read.

    Raises:
        DataError: if one is about a frame, which no file of its own has.
    """
    if not set(results.COLUMNS) <= set(columns.others):
        return rows
    error, frame = map(columns.others.index, results.COLUMNS[:2])
    for row in rows:
        if row.others[frame]:
            raise results.about_frame(f"{file}, row {row.number}", row.id)
    answered = [row for row in rows if not row.others[error]]
    if unread := len(rows) - len(answered):
        reading.left_out[results.UNREAD] += unread
    return answered


def _size(row: table.Row, place: str) -> tuple[int, int]:
    cells = [cell if table.filled(cell) else 0 for cell in row.size] or [0, 0]
    width, height = map(int, numbers(cells, place, "the size of the image"))
    return width, height


def _are_of_boxes(
    sizes: Iterable[tuple[int, int]], objects: Iterable[Sequence[NamedObject]]
) -> bool:
    """Tells whether the columns of the size repeat that of each box.

    Where all boxes begin at 0, they may be as large as their images.
    """
    pairs = [
        (size, item.box)
        for size, found in zip(sizes, objects, strict=True)
        for item in found
    ]
    return any(left or top for _, (left, top, _, _) in pairs) and all(
        size == (int(right - left), int(bottom - top))
        for size, (left, top, right, bottom) in pairs
    )


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
