"""A table in a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import parquet

from cnnxfer.data.image_source import ImageSource
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs.kinds import InputOptions
from cnnxfer.prediction.inputs.tables import choose_column, count_values, walk_values

BATCH_ROWS = 1024


def check(item: str, options: InputOptions) -> None:
    """Refuses a table that can't be read or doesn't have a column of paths.

    Raises:
        DataError: with the next step.
    """
    try:
        schema = parquet.read_schema(item)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{item} cannot be read: {reason}") from error
    column = choose_column(item, schema.names, options)
    found = schema.field(column).type
    text = found.value_type if pa.types.is_dictionary(found) else found
    # Without rows, or paths in them, a column may have the type of nothing.
    if text not in (pa.string(), pa.large_string(), pa.null()):
        raise DataError(
            f"column {column!r} of {item} holds {found}; expected paths, as strings. "
            "Choose another with --column."
        )


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the images of each row, read in batches."""
    return walk_values(item, _values(item, options), options)


def count(item: str, options: InputOptions) -> int | None:
    """Returns how many images the rows mean; None if it isn't cheap to know."""
    return count_values(item, _values(item, options), options)


def _values(item: str, options: InputOptions) -> Iterator[str | None]:
    with parquet.ParquetFile(item) as table:
        column = choose_column(item, table.schema_arrow.names, options)
        for batch in table.iter_batches(BATCH_ROWS, columns=[column]):
            yield from batch.column(0).to_pylist()
