"""Tables: CSV, TSV, JSON lines and Parquet, read by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: as it is written.
        type: "string", or what else the file says that it holds.
        simple: whether a value is a word, a number or a date, and no more.
    """

    name: str
    type: str = TEXT
    simple: bool = True


class Table(Protocol):
    """An open table; its file is opened for each reading."""

    @property
    def columns(self) -> Sequence[Column]:
        """What there is in each row."""

    def rows(
        self, names: Sequence[str], *, strict: bool = False
    ) -> Iterator[tuple[Any, ...]]:
        """Yields the values of the named columns, row by row; blank lines are none.

        Args:
            names: of columns.
            strict: whether a row with more values than columns is an error.

        Raises:
            DataError: of a row with too many values; the message is the reason.
            Exception: whatever a parser trips over, when it does.
        """


def open_table(path: str) -> Table:
    """Reads the names of a table's columns; its suffix tells how it is written.

    Raises:
        DataError: if it can't be read.
    """
    suffix = "." + path.lower().rpartition(".")[2]
    return cast(Table, import_module(_READERS[suffix]).Reader(path))


def names_of(table: Table) -> list[str]:
    """Returns the names of a table's columns."""
    return [column.name for column in table.columns]
