"""The output formats of predictions; each is written by a module of its own."""

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
        name: name of the format, as users type it.
        writer: the function that writes it, as `"module:function"`; its signature is
            `(predictions, stream) -> None`.
        streaming: whether each prediction is written as soon as it is available.
        suffixes: suffixes of files in this format, in lower case; the first is the
            usual one.
        binary: whether bytes are written, to `stream.buffer`, so that it needs a file.
    """

    name: str
    writer: str
    streaming: bool
    suffixes: tuple[str, ...]
    binary: bool = False

    def load(self) -> Write:
        """Imports and returns the function that writes the format."""
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
