"""Reader of a table in which one column names the images."""

import os
from collections.abc import Iterable, Iterator, Sequence

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.names import names_image
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.data.images.source import ImageSource, unreadable_source
from cnnxfer.data.tables import (
    PATH_NAMES,
    TEXT,
    columns_called,
    names_of,
    open_table,
)
from cnnxfer.data.written_paths import WrittenPaths
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs.entries import count_entries, walk_entry
from cnnxfer.registry import did_you_mean
from cnnxfer.reporting import listed
from cnnxfer.spelling import option
from cnnxfer.texts import normal


def check(item: str, options: InputOptions) -> None:
    """Checks that a table can be read and has a column of paths; see `Reader.check`."""
    table = open_table(item)
    names = names_of(table)
    if options.column == "auto" and len(names) == 1 and names_image(names[0]):
        raise DataError(
            f"{item} begins with {names[0]!r}; expected a line with the name of the "
            f"column above it. Add one, or pass the file as a list: @{item}"
        )
    chosen = _choose_column(item, names, options)
    column = next(column for column in table.columns if column.name == chosen)
    if column.type != TEXT:
        raise DataError(
            f"column {chosen!r} of {item} holds {column.type}; expected paths, as "
            f"strings. Choose another column with {option('--column')}."
        )


def walk(
    item: str, options: InputOptions, passed_over: PassedOver
) -> Iterator[ImageSource]:
    """Yields the images of each row; relative paths are relative to the table's folder.

    What a path means is found as `WrittenPaths` says. Blank lines are skipped.
    """
    row, paths = 0, WrittenPaths(os.path.dirname(item))
    try:
        for row, entry in enumerate(_entries(item, options), 1):
            if entry is None:
                yield unreadable_source(f"{item}, row {row}", "no path")
            else:
                yield from walk_entry(entry, paths, options, passed_over)
    except Exception as error:  # the parsers raise many kinds for a damaged file
        reason = " ".join(str(error).split())
        yield unreadable_source(item, f"damaged table: {reason} (after row {row})")


def count(item: str, options: InputOptions) -> int | None:
    """Returns how many images the rows refer to; None if that is slow to count."""
    try:
        paths = WrittenPaths(os.path.dirname(item))
        return count_entries(_entries(item, options), paths, options)
    except Exception:  # see walk
        return None


def _choose_column(item: str, columns: Sequence[str], options: InputOptions) -> str:
    """Returns the name of the column that names the images.

    Raises:
        DataError: if the table has no such column; the message names its columns.
    """
    if not columns:
        raise DataError(f"{item} is empty; expected a line that names its columns.")
    typed = options.column != "auto"
    if typed:
        wanted = normal(options.column)
        found = [name for name in columns if normal(name) == wanted][:1]
    else:
        wanted = PATH_NAMES[0]
        found = columns_called(PATH_NAMES, columns)
    if len(columns) == 1 and not typed:
        return columns[0]
    if len(found) == 1:
        return found[0]
    choose = f"Choose one with {option('--column')}."
    if found:
        raise DataError(
            f"{item} has the columns {listed(map(repr, found))}; any may be the "
            f"path. {choose}"
        )
    raise DataError(
        f"{item} has no column {wanted!r}; it has {', '.join(columns)}."
        f"{did_you_mean(wanted, columns)}{'' if typed else f' {choose}'}"
    )


def _entries(item: str, options: InputOptions) -> Iterable[str | None]:
    """Yields the path or address of each row; None if the row has none."""
    table = open_table(item)
    column = _choose_column(item, names_of(table), options)
    for (value,) in table.rows([column]):
        yield value if value is not None and value.strip() else None
