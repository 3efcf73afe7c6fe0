"""Reads tables in text files: CSV or TSV, with a line of column names."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, dropwhile

from cnnxfer.data.tables import Column
from cnnxfer.errors import DataError, reason_of
from cnnxfer.texts import csv_rows, open_lines, separator_of, western

COMMENT = "#"  # lines above the names of the columns may begin with it
MARK = "\ufeff"  # of UTF-8, where a table was appended to another


class Reader:
    """A table in a text file."""

    def __init__(self, path: str, names: Sequence[str] = ()) -> None:
        """Reads the names of the columns; raises a DataError if it cannot.

        Args:
            path: the file.
            names: the names of the columns, if the first line is a row already.
        """
        self._path = path
        self._has_names = not names
        if names:
            self.columns = [Column(name) for name in names]
            return
        try:
            header = next(self._lines(), [])
        except OSError as error:
            raise DataError(f"{path} cannot be read: {reason_of(error)}.") from error
        except (csv.Error, UnicodeError) as error:
            raise DataError(f"{path} cannot be read: {error}.") from error
        self.columns = [Column((western(name) or name).strip()) for name in header]

    def rows(
        self, names: Sequence[str], *, strict: bool = False
    ) -> Iterator[tuple[str | None, ...]]:
        """Yields the cells of the named columns, None where a row is too short.

        Bytes that are not UTF-8 are escaped by surrogates, as in names of files.
        """
        header = [column.name for column in self.columns]
        positions = [header.index(name) for name in names]
        lines = self._lines()
        first = next(lines, None) if self._has_names else None
        for cells in lines:
            if cells == first:  # of a second table that was appended
                continue
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
        """Yields the cells of each line, without lines whose cells are all empty.

        Spreadsheets write such lines below the table.
        """
        with open_lines(self._path) as stream:
            lines = dropwhile(_is_above_header, stream)
            first = next(lines, "")
            separator, is_named = separator_of(first)
            if is_named:
                first = next(dropwhile(_is_above_header, lines), "")
            elif self._path.lower().endswith(".tsv"):
                separator = "\t"
            rows = csv_rows(chain([first], lines), separator)
            for row in rows:
                if row and row[0].startswith(MARK):
                    row[0] = row[0].removeprefix(MARK)
                if any(map(str.strip, row)):
                    yield row


def _is_above_header(line: str) -> bool:
    return not line.strip() or line.startswith(COMMENT)
