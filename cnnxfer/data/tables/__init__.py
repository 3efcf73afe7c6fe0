"""Reads tables in CSV, TSV, JSON lines or Parquet by the names of their columns."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

_READERS = {
    ".csv": "cnnxfer.data.tables.text",
    ".tsv": "cnnxfer.data.tables.text",
    ".jsonl": "cnnxfer.data.tables.json_lines",
    ".parquet": "cnnxfer.data.tables.parquet",
}
SUFFIXES = tuple(_READERS)
TEXT = "string"
# Names of the column of paths; the first is preferred.
PATH_NAMES = ("path", "file", "filename", "filepath", "image", "imagepath")


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    type: str = TEXT  # or the file's name for another type
    simple: bool = True  # whether each value is a single word, number or date


class Table(Protocol):
    """A table whose columns are known; its rows are read from the file each time."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns, in the order of the file."""

    def rows(
        self, names: Sequence[str], *, strict: bool = False
    ) -> Iterator[tuple[Any, ...]]:
        """Yields the values of the named columns, row by row, without blank lines.

        Raises:
            DataError: if `strict` and a row has more values than columns; the message
                is only the reason.
            Exception: an error of any type if the file is damaged.
        """


def open_table(path: str, names: Sequence[str] = ()) -> Table:
    """Returns the table in a file, after reading the names of its columns.

    Args:
        path: the file.
        names: those of a text file whose first line is a row already.

    Raises:
        DataError: if the file cannot be read.
    """
    suffix = "." + path.lower().rpartition(".")[2]
    reader = import_module(_READERS[suffix]).Reader
    return cast(Table, reader(path, names) if names else reader(path))


def names_of(table: Table) -> list[str]:
    """Returns the names of a table's columns, in the order of the file."""
    return [column.name for column in table.columns]


def columns_called(words: Sequence[str], names: Iterable[str]) -> list[str]:
    """Returns the columns that have the first of the words as their name, or else any.

    Case, blanks, hyphens and underscores of a name don't matter.
    """
    keys = [(column_key(name), name) for name in names]
    first = [name for key, name in keys if key == words[0]]
    return first or [name for key, name in keys if key in words]


def column_key(name: str) -> str:
    """Returns a column's name without case, blanks, hyphens and underscores."""
    return re.sub(r"[\s_-]", "", name.lower())
