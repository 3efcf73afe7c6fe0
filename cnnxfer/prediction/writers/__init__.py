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
    """

    name: str
    writer: str
    gradual: bool

    def load(self) -> Write:
        """Imports the function."""
        write: Write = load_object(self.writer)
        return write


WRITERS: Registry[Writer] = Registry("format")
WRITERS.add(
    Writer("table", "cnnxfer.prediction.writers.table:write_table", gradual=False)
)
WRITERS.add(Writer("json", "cnnxfer.prediction.writers.jsonl:write_json", gradual=True))
WRITERS.add(
    Writer("jsonl", "cnnxfer.prediction.writers.jsonl:write_jsonl", gradual=True)
)
