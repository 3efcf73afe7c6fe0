"""Writer of Parquet with one row per ranked class, or per object."""

from collections.abc import Iterable
from typing import TextIO

import pyarrow as pa
from pyarrow import parquet

from cnnxfer.prediction.outputs.rows import Row, columns_and_rows
from cnnxfer.prediction.prediction import Prediction

# The types of the columns that are not strings.
TYPES = {
    "frame": pa.int32(),
    "width": pa.int32(),
    "height": pa.int32(),
    "rank": pa.int32(),
    "right": pa.bool_(),
    **dict.fromkeys(
        ("probability", "score", "share", "xmin", "ymin", "xmax", "ymax"), pa.float64()
    ),
}
GROUP_ROWS = 50_000


def write_parquet(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes rows to `stream.buffer`, in groups, which bounds the memory they take."""
    columns, rows = columns_and_rows(predictions)
    schema = pa.schema([(name, TYPES.get(name, pa.string())) for name in columns])
    with parquet.ParquetWriter(stream.buffer, schema) as writer:
        group: list[Row] = []
        for ranks in rows:
            group.extend(ranks)
            if len(group) >= GROUP_ROWS:
                writer.write_table(_table(group, schema))
                group = []
        if group:
            writer.write_table(_table(group, schema))


def _table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    arrays = [
        pa.array(values, field.type)
        for values, field in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
