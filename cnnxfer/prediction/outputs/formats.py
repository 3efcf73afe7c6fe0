"""Output formats of predictions, one a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TextIO

from cnnxfer.prediction.prediction import Prediction
from cnnxfer.registry import Registry, load_object

Write = Callable[[Iterable[Prediction], TextIO], None]


@dataclass(frozen=True)
class Writer:
    """An output format.

    Attributes:
        name: as users type it.
        writer: `"module:function"`, `(predictions, stream) -> None`.
        gradual: whether it writes each prediction as soon as it is there.
        suffixes: of files that hold it, in lower case; the first is the usual one.
        binary: whether it writes bytes, to `stream.buffer`, so that it needs a file.
    """

    name: str
    writer: str
    gradual: bool
    suffixes: tuple[str, ...]
    binary: bool = False

    def load(self) -> Write:
        """Imports the function."""
        write: Write = load_object(self.writer)
        return write


_HERE = "cnnxfer.prediction.outputs"

WRITERS: Registry[Writer] = Registry("format")
WRITERS.add(Writer("table", f"{_HERE}.table:write_table", False, (".txt",)))
WRITERS.add(Writer("json", f"{_HERE}.jsonl:write_json", True, (".json",)))
WRITERS.add(Writer("jsonl", f"{_HERE}.jsonl:write_jsonl", True, (".jsonl", ".ndjson")))
WRITERS.add(Writer("csv", f"{_HERE}.csv:write_csv", True, (".csv",)))
WRITERS.add(
    Writer("parquet", f"{_HERE}.parquet:write_parquet", False, (".parquet",), True)
)
