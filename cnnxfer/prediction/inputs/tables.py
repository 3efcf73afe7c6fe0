"""Tables: one column names the images, a row each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from cnnxfer.data.images.names import names_image
from cnnxfer.data.images.source import ImageSource, unreadable
from cnnxfer.data.tables import TEXT, names_of, open_table
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs.entries import count_entries, walk_entry
from cnnxfer.prediction.inputs.kinds import InputOptions, is_web_address
from cnnxfer.registry import did_you_mean

DEFAULT_COLUMN = "path"


def check(item: str, options: InputOptions) -> None:
    """Refuses a table that can't be read or doesn't have a column of paths.

    Raises:
        DataError: with the next step.
    """
    table = open_table(item)
    names = names_of(table)
    if options.column is None and len(names) == 1 and names_image(names[0]):
        raise DataError(
            f"{item} begins with {names[0]!r}; expected a line with the name of the "
            f"column above it. Add one, or hand it over as a list: @{item}"
        )
    chosen = _choose(item, names, options)
    column = next(column for column in table.columns if column.name == chosen)
    if column.type != TEXT:
        raise DataError(
            f"column {chosen!r} of {item} holds {column.type}; expected paths, as "
            "strings. Choose another with --column."
        )


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the images of each row; relative paths are relative to the table's folder.

    Blank lines are passed over.
    """
    row = 0
    try:
        for row, entry in enumerate(_entries(item, options), 1):
            if entry is None:
                yield unreadable(f"{item}, row {row}", "no path")
            else:
                yield from walk_entry(entry, options)
    except Exception as error:  # the parsers raise whatever they trip over
        reason = " ".join(str(error).split())
        yield unreadable(item, f"damaged table: {reason} (after row {row})")


def count(item: str, options: InputOptions) -> int | None:
    """Returns how many images the rows mean; None if it isn't cheap to know."""
    try:
        return count_entries(_entries(item, options), options)
    except Exception:  # see walk
        return None


def _choose(item: str, columns: Sequence[str], options: InputOptions) -> str:
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


def _entries(item: str, options: InputOptions) -> Iterable[str | None]:
    """Yields what each row names, None where it is nothing."""
    folder = os.path.dirname(item)
    table = open_table(item)
    column = _choose(item, names_of(table), options)
    for (value,) in table.rows([column]):
        if value is None or not value.strip():
            yield None
        elif is_web_address(value):
            yield value
        else:
            yield os.path.join(folder, value)
