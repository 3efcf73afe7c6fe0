"""A table in a Parquet file."""

from __future__ import annotations

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
        """Reads its schema.

        Raises:
            DataError: if it can't be read.
        """
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
        """Yields the values of the named columns, None where there is none."""
        with parquet.ParquetFile(self._path) as table:
            for batch in table.iter_batches(BATCH_ROWS, columns=list(names)):
                columns = (batch.column(name).to_pylist() for name in names)
                yield from zip(*columns, strict=True)


def _column(name: str, found: pa.DataType) -> Column:
    held = found.value_type if pa.types.is_dictionary(found) else found
    # Without rows, or values in them, a column may have the type of nothing.
    if held in (pa.string(), pa.large_string(), pa.string_view(), pa.null()):
        return Column(name, TEXT)
    binary = (
        pa.types.is_binary(held)
        or pa.types.is_large_binary(held)
        or pa.types.is_fixed_size_binary(held)
    )
    return Column(name, str(found), simple=not (binary or pa.types.is_nested(held)))
