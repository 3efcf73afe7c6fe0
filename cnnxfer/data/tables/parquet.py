"""Reads tables in Parquet files."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from cnnxfer.data.tables import TEXT, Column
from cnnxfer.errors import DataError
from cnnxfer.unpacking import MAX_RATIO, check_ratio

BATCH_ROWS = 1024
# Equal values take next to no room in a file, and each has its place in memory. So a
# large table has a byte a row, as different paths take; and a list's items fewer.
ANY_VALUES = 1_000_000
MAX_CELL_BYTES = 131_072  # as the reader of CSV has it


class Reader:
    """A table in a Parquet file, read in batches."""

    def __init__(self, path: str) -> None:
        """Reads the schema; raises a DataError if it cannot."""
        self._path = path
        try:
            self._metadata = parquet.read_metadata(path)
            schema = self._metadata.schema.to_arrow_schema()
        except (OSError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path} cannot be read: {reason}") from error
        rows, most = self._metadata.num_rows, ANY_VALUES + os.path.getsize(path)
        if rows > most:
            raise DataError(
                f"{path} has {rows:,} rows; the limit for its size is {most:,}. Leave "
                "out rows that say the same."
            )
        self.columns = [_column(field.name, field.type) for field in schema]

    def rows(
        self, names: Sequence[str], *, strict: bool = False
    ) -> Iterator[tuple[Any, ...]]:
        """Yields the values of the named columns, None for a missing value.

        Raises:
            DataError: if the columns or a cell take far more memory than in the file;
                the message is only the reason.
        """
        self._check_sizes(names)
        with self._open() as table:
            for group in range(self._metadata.num_row_groups):
                self._check_equal_cells(group, names)
                for batch in table.iter_batches(BATCH_ROWS, [group], list(names)):
                    _check_cells(batch)
                    columns = (batch.column(name).to_pylist() for name in names)
                    yield from zip(*columns, strict=True)

    def _check_sizes(self, names: Sequence[str]) -> None:
        file_bytes, values, unpacked_bytes = os.path.getsize(self._path), 0, 0
        for group in range(self._metadata.num_row_groups):
            for column in self._stored_columns(group, names):
                values += column.num_values
                unpacked_bytes += column.total_uncompressed_size
        check_ratio(unpacked_bytes, file_bytes)
        most = len(names) * (ANY_VALUES + MAX_RATIO * file_bytes)
        if values > most:
            raise DataError(
                f"{values:,} values; the limit for the file's size is {most:,}"
            )

    def _check_equal_cells(self, group: int, names: Sequence[str]) -> None:
        """Checks the texts of which a group of rows stores one for many cells.

        A batch of rows would have a copy for each cell.
        """
        paths = [each.path_in_schema for each in self._stored_columns(group, names)]
        with self._open(read_dictionary=paths) as table:
            first = next(table.iter_batches(1, [group], list(names)), None)
        if first is not None:
            _check_cells(first)

    def _open(self, **options: Any) -> parquet.ParquetFile:
        return parquet.ParquetFile(self._path, metadata=self._metadata, **options)

    def _stored_columns(self, group: int, names: Sequence[str]) -> Iterator[Any]:
        """Yields what the file tells of the columns in a group of rows."""
        stored = self._metadata.row_group(group)
        for column in map(stored.column, range(stored.num_columns)):
            path = f"{column.path_in_schema}."  # of a list: name.list.element
            if any(path.startswith(f"{name}.") for name in names):
                yield column


def _check_cells(batch: pa.RecordBatch) -> None:
    """Refuses texts that are too long."""
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        longest = _longest(values)
        if longest > MAX_CELL_BYTES:
            raise DataError(
                f"a cell of column {name!r} has {longest:,} bytes; the limit is "
                f"{MAX_CELL_BYTES:,}"
            )


def _longest(values: pa.Array) -> int:
    """Returns the size of the longest text in an array, or in its lists, in bytes."""
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        values = values.flatten()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return pc.max(pc.binary_length(values)).as_py() or 0
    return 0


def _column(name: str, column_type: pa.DataType) -> Column:
    is_dictionary = pa.types.is_dictionary(column_type)
    value_type = column_type.value_type if is_dictionary else column_type
    # A column without any values may have the type null.
    if value_type in (pa.string(), pa.large_string(), pa.string_view(), pa.null()):
        return Column(name, TEXT)
    simple = not (
        pa.types.is_binary(value_type)
        or pa.types.is_large_binary(value_type)
        or pa.types.is_fixed_size_binary(value_type)
        or pa.types.is_nested(value_type)
    )
    return Column(name, str(column_type), simple)
