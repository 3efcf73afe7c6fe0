"""The CSV that VGG Image Annotator exports: a row a region, whose cells hold JSON.

An image without regions has a row with empty ones. Version 1.0 wrote the names of the
columns after a `#`.

Source: https://www.robots.ox.ac.uk/~vgg/software/via/
"""

import csv
from collections.abc import Iterator
from typing import Any

from cnnxfer.data.sources.annotations import via
from cnnxfer.data.sources.annotations.annotated import AnnotatedImage, Reading
from cnnxfer.errors import DataError, reason_of
from cnnxfer.records import parse_json
from cnnxfer.texts import csv_rows, open_lines

NAME = via.NAME
SHAPE, ATTRIBUTES = "region_shape_attributes", "region_attributes"
COLUMNS = ("filename", "file_size", SHAPE, ATTRIBUTES)
_START_CHARACTERS = 1000  # the names of the columns have about a hundred


def accepts_table(file: str) -> bool:
    """Tells whether a file is such a table, by the names of its columns."""
    if not file.lower().endswith(".csv"):
        return False
    try:
        with open_lines(file) as stream:
            names = stream.readline(_START_CHARACTERS).strip().split(",")
    except (OSError, UnicodeError):  # which reading it as another table will tell
        return False
    return set(COLUMNS) <= {name.removeprefix("#") for name in names}


def read_table(file: str, reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what the rows say of each image that exists; see `via.read`.

    Raises:
        DataError: if a row has something else than JSON, or a region is broken.
    """
    entries: dict[str, Any] = {}
    for number, row in _rows(file):
        place = f"{file}, row {number}"
        name = row["filename"]
        entry = {"filename": name, "regions": []}
        regions = entries.setdefault(f"{name} {row['file_size']}", entry)["regions"]
        if shape := _value(row, SHAPE, place):
            attributes = _value(row, ATTRIBUTES, place)
            regions.append({"shape_attributes": shape, "region_attributes": attributes})
    yield from via.read(entries, file, reading)


def _rows(file: str) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with open_lines(file) as stream:
            rows = csv_rows(stream, ",")
            names = [name.removeprefix("#") for name in next(rows)]
            for number, cells in enumerate(filter(None, rows), 1):
                if len(cells) != len(names):
                    raise DataError(
                        f"{file}, row {number} has {len(cells)} cells under "
                        f"{len(names)} columns. Export it anew."
                    )
                yield number, dict(zip(names, cells, strict=True))
    except OSError as error:
        raise DataError(f"{file} cannot be read: {reason_of(error)}.") from error
    except (csv.Error, UnicodeError) as error:
        raise DataError(f"{file} cannot be read: {error}.") from error


def _value(row: dict[str, str], column: str, place: str) -> Any:
    text = row[column]
    try:
        return parse_json(text or "{}")
    except ValueError as error:
        raise DataError(
            f"{place} has {text!r:.60} as {column}; expected JSON. Export it anew."
        ) from error
