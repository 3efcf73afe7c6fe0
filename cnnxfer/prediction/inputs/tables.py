"""What is common to tables: one column names the images, a row each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from cnnxfer.data.image_source import ImageSource, unreadable
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs.entries import count_entries, walk_entry
from cnnxfer.prediction.inputs.kinds import InputOptions, is_web_address
from cnnxfer.registry import did_you_mean

DEFAULT_COLUMN = "path"

Values = Iterable[str | None]


def choose_column(item: str, columns: Sequence[str], options: InputOptions) -> str:
    """Returns which column of a table names the images.

    Raises:
        DataError: if it has no such column; the message names those it has.
    """
    if options.column is None and len(columns) == 1:
        return columns[0]
    wanted = options.column or DEFAULT_COLUMN
    if wanted in columns:
        return wanted
    if not columns:
        raise DataError(f"{item} is empty; expected a line that names its columns.")
    choose = " Choose one with --column." if options.column is None else ""
    raise DataError(
        f"{item} has no column {wanted!r}; it has {', '.join(columns)}."
        f"{did_you_mean(wanted, columns)}{choose}"
    )


def walk_values(
    item: str, values: Values, options: InputOptions
) -> Iterator[ImageSource]:
    """Yields the images of each row; relative paths are relative to the table's folder.

    Args:
        item: path of the table.
        values: of the column, a row each; raises whatever is wrong with the table.
        options: as `walk` gets them.
    """
    row = 0
    try:
        for row, entry in enumerate(_entries(item, values), 1):
            if entry is None:
                yield unreadable(f"{item}, row {row}", "no path")
            else:
                yield from walk_entry(entry, options)
    except Exception as error:  # the parsers raise whatever they trip over
        reason = " ".join(str(error).split())
        yield unreadable(item, f"damaged table: {reason} (after row {row})")


def count_values(item: str, values: Values, options: InputOptions) -> int | None:
    """Returns how many images `walk_values` yields; None if it isn't cheap to know."""
    try:
        return count_entries(_entries(item, values), options)
    except Exception:  # see walk_values
        return None


def _entries(item: str, values: Values) -> Iterator[str | None]:
    folder = os.path.dirname(item)
    for value in values:
        if value is None or not value.strip():
            yield None
        elif is_web_address(value):
            yield value
        else:
            yield os.path.join(folder, value)
