"""The two kinds of tables that commands print: rows of cells, and named details."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # slow to import, and not needed for `--help`
    from rich.table import Table

    from cnnxfer.cli.plain_table import PlainTable


def cell_table(
    *columns: str, wide: Collection[str] = (), right: Collection[str] = ()
) -> PlainTable:
    """Returns a table without rows, in which only `wide` columns are folded."""
    from cnnxfer.cli.plain_table import PlainTable, plain

    table = PlainTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(
            plain(column),
            justify="right" if column in right else "left",
            no_wrap=column not in wide,
            overflow="fold" if column in wide else "ellipsis",
        )
    return table


def detail_table(details: Iterable[tuple[str, str]]) -> Table:
    """Returns a table with a row for each name and its value."""
    from cnnxfer.cli.plain_table import PlainTable

    table = PlainTable.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in details:
        table.add_row(name, value)
    return table
