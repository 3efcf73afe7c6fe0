"""The two kinds of tables that commands print: rows of cells, and named details."""

from collections.abc import Collection, Iterable
from typing import Any

from rich.table import Table
from rich.text import Text

from cnnxfer.reporting import printable


class PlainTable(Table):
    """A table that shows texts as they are, whatever characters they have.

    Rich would take brackets for markup, and leave control characters to the terminal.
    """

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Adds a row of texts, or of what Rich renders."""
        super().add_row(*map(_plain, cells), **options)


def _plain(cell: Any) -> Any:
    return Text(printable(cell)) if isinstance(cell, str) else cell


def cell_table(
    *columns: str, wide: Collection[str] = (), right: Collection[str] = ()
) -> PlainTable:
    """Returns a table without rows, in which only `wide` columns are folded."""
    table = PlainTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(
            _plain(column),
            justify="right" if column in right else "left",
            no_wrap=column not in wide,
            overflow="fold" if column in wide else "ellipsis",
        )
    return table


def detail_table(details: Iterable[tuple[str, str]]) -> Table:
    """Returns a table with a row for each name and its value."""
    table = PlainTable.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in details:
        table.add_row(name, value)
    return table
