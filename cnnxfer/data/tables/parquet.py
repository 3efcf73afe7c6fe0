"""Reads tables in Parquet files."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from cnnxfer.data.tables import TEXT, Column
from cnnxfer.errors import DataError

BATCH_ROWS = 1024


class Reader:
    """A table in a Parquet file, read in batches."""

    def __init__(self, path: str) -> None:
        """Reads the schema; raises a DataError if it cannot."""
        self._path = path
        try:
            schema = parquet.read_schema(path)
        except (OSError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path} cannot be read: {reason}") from error
        self.columns = [_column(field.name, field.type) for field in schema]

    def rows(
        self, names: Sequence[str], *, strict: bool = False
    ) -> Iterator[tuple[Any, ...]]:
        """Yields the values of the named columns, None for a missing value."""
        with parquet.ParquetFile(self._path) as table:
            for batch in table.iter_batches(BATCH_ROWS, columns=list(names)):
                columns = (batch.column(name).to_pylist() for name in names)
                yield from zip(*columns, strict=True)


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
