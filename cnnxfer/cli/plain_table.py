"""A table of Rich that takes no text for markup."""

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
        super().add_row(*map(plain, cells), **options)


def plain(cell: Any) -> Any:
    """Returns a text as it is shown; anything else as it is."""
    return Text(printable(cell)) if isinstance(cell, str) else cell
