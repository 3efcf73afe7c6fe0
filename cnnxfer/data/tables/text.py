"""Reads tables in text files: CSV or TSV, with a line of column names."""

import csv
from collections.abc import Iterator, Sequence
from typing import TextIO

from cnnxfer.data.tables import Column
from cnnxfer.errors import DataError, reason_of

# The byte order marks of UTF-16, as "surrogateescape" reads bytes that are not UTF-8.
_UTF16_MARKS = ("\udcff\udcfe", "\udcfe\udcff")


class Reader:
    """A table in a text file."""

    def __init__(self, path: str) -> None:
        """Reads the names of the columns; raises a DataError if it cannot."""
        self._path = path
        try:
            header = next(self._lines(), [])
        except (OSError, csv.Error) as error:
            reason = reason_of(error) if isinstance(error, OSError) else error
            raise DataError(f"{path} cannot be read: {reason}.") from error
        if header and header[0].startswith(_UTF16_MARKS):
            raise DataError(f"{path} is in UTF-16; save it as CSV in UTF-8.")
        self.columns = [Column(name) for name in header]

    def rows(
        self, names: Sequence[str], *, strict: bool = False
    ) -> Iterator[tuple[str | None, ...]]:
        """Yields the cells of the named columns, None where a row is too short."""
        header = [column.name for column in self.columns]
        positions = [header.index(name) for name in names]
        lines = self._lines()
        next(lines, None)
        for cells in lines:
            if strict and any(cells[len(header) :]):
                raise DataError(
                    f"{len(cells)} cells under {len(header)} columns; put a cell that "
                    'contains the separator between quotes, such as "a, b"'
                )
            yield tuple(
                cells[position] if position < len(cells) else None
                for position in positions
            )

    def _lines(self) -> Iterator[list[str]]:
        # Spreadsheets begin UTF-8 with a mark; names of files may not be UTF-8.
        with open(
            self._path, encoding="utf-8-sig", errors="surrogateescape", newline=""
        ) as stream:
            is_tsv = self._path.lower().endswith(".tsv")
            delimiter = "\t" if is_tsv else _delimiter(stream)
            stream.seek(0)
            yield from filter(None, csv.reader(stream, delimiter=delimiter))


def _delimiter(stream: TextIO) -> str:
    """Returns the character that separates the names of the columns.

    Spreadsheets write semicolons in languages with a decimal comma.
    """
    header = next(filter(str.strip, stream), "")
    return next((mark for mark in ",;\t" if mark in header), ",")
