"""A table in a text file: CSV or TSV, with a line of column names."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from cnnxfer.data.image_source import ImageSource
from cnnxfer.errors import DataError, reason_of
from cnnxfer.prediction.inputs.image_names import names_image
from cnnxfer.prediction.inputs.kinds import InputOptions
from cnnxfer.prediction.inputs.tables import choose_column, count_values, walk_values

# The byte order marks, as bytes that are no UTF-8 are read.
_UTF16_MARKS = ("\udcff\udcfe", "\udcfe\udcff")


def check(item: str, options: InputOptions) -> None:
    """Refuses a table that can't be read or doesn't have the column.

    Raises:
        DataError: with the next step.
    """
    try:
        header = next(_rows(item), [])
    except (OSError, csv.Error) as error:
        reason = reason_of(error) if isinstance(error, OSError) else error
        raise DataError(f"{item} cannot be read: {reason}.") from error
    if header and header[0].startswith(_UTF16_MARKS):
        raise DataError(f"{item} is in UTF-16; save it as CSV in UTF-8.")
    if options.column is None and len(header) == 1 and names_image(header[0]):
        raise DataError(
            f"{item} begins with {header[0]!r}; expected a line with the name of the "
            f"column above it. Add one, or hand it over as a list: @{item}"
        )
    choose_column(item, header, options)


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the images of each row; blank lines are passed over."""
    return walk_values(item, _values(item, options), options)


def count(item: str, options: InputOptions) -> int | None:
    """Returns how many images the rows mean; None if it isn't cheap to know."""
    return count_values(item, _values(item, options), options)


def _values(item: str, options: InputOptions) -> Iterator[str | None]:
    rows = _rows(item)
    header = next(rows, [])
    column = header.index(choose_column(item, header, options))
    for row in rows:
        yield row[column] if column < len(row) else None


def _rows(item: str) -> Iterator[list[str]]:
    # Spreadsheets mark UTF-8 at the beginning; names of files may be no UTF-8 at all.
    with open(
        item, encoding="utf-8-sig", errors="surrogateescape", newline=""
    ) as stream:
        delimiter = "\t" if item.lower().endswith(".tsv") else _delimiter(stream)
        stream.seek(0)
        yield from filter(None, csv.reader(stream, delimiter=delimiter))


def _delimiter(stream: TextIO) -> str:
    """Returns what divides the names of the columns.

    Spreadsheets write semicolons where the comma is a decimal point.
    """
    header = next(filter(str.strip, stream), "")
    return next((mark for mark in ",;\t" if mark in header), ",")
