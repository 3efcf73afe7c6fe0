"""The two kinds of tables that commands print: rows of cells, and named details."""

from collections.abc import Collection, Iterable

from rich.table import Table
from rich.text import Text


def cell_table(
    *columns: str, wide: Collection[str] = (), right: Collection[str] = ()
) -> Table:
    """Returns a table without rows, in which only `wide` columns are folded."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column not in wide,
            overflow="fold" if column in wide else "ellipsis",
        )
    return table


def detail_table(details: Iterable[tuple[str, str]]) -> Table:
    """Returns a table with a row for each name and its value."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in details:
        # As Text, since Rich would take brackets in names and paths for markup.
        table.add_row(name, Text(value))
    return table
