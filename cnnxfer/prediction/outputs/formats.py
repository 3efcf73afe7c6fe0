"""The output formats of predictions; each is written by a module of its own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from cnnxfer.prediction.prediction import Prediction
from cnnxfer.registry import Registry, load_object

if TYPE_CHECKING:  # it imports NumPy
    from cnnxfer.prediction.outputs.label_folder import LabelFolder

Write = Callable[[Iterable[Prediction], TextIO], None]
WriteFolder = Callable[[Iterable[Prediction], "LabelFolder"], None]


@dataclass(frozen=True)
class Writer:
    """An output format.

    Attributes:
        name: name of the format, as users type it.
        writer: the function that writes it, as `"module:function"`; its signature is
            `(predictions, stream) -> None`, and of a folder `(predictions, folder) ->
            None`.
        streaming: whether each prediction is written as soon as it is available.
        suffixes: suffixes of files in this format, in lower case; the first is the
            usual one.
        binary: whether bytes are written, to `stream.buffer`, so that it needs a file.
        labels: whether it has the form of a data set's labels: it takes objects, and
            names each image as it lies from there.
        masks: whether such labels can be masks, to the pixel.
        folder: whether it is a folder of files, in the form of a data set's labels.
    """

    name: str
    writer: str
    streaming: bool
    suffixes: tuple[str, ...]
    binary: bool = False
    labels: bool = False
    masks: bool = False
    folder: bool = False

    def load(self) -> Write:
        """Imports and returns the function that writes the format into a stream."""
        write: Write = load_object(self.writer)
        return write

    def load_folder(self) -> WriteFolder:
        """Imports and returns the function that writes the format into a folder."""
        write: WriteFolder = load_object(self.writer)
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
for _name, _masks, _folder in (
    ("coco", True, False),
    ("yolo", False, True),
    ("voc", False, True),
    ("labelme", True, True),
):
    _writer = f"{_HERE}.{_name}:write_{_name}"
    _kind = {"labels": True, "masks": _masks, "folder": _folder}
    WRITERS.add(Writer(_name, _writer, False, (), **_kind))
