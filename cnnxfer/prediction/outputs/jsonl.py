"""JSON Lines, with one object per image, and JSON, one list of them."""

from collections.abc import Iterable
from typing import TextIO

from cnnxfer.files import json_text
from cnnxfer.prediction.prediction import Prediction, ReadAnswer
from cnnxfer.records import parse_json


def write_jsonl(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes one object per line, each as soon as its prediction is available."""
    for prediction in predictions:
        stream.write(_text(prediction, stream) + "\n")
        stream.flush()


def write_json(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes one list of objects, each as soon as its prediction is available."""
    stream.write("[")
    separator = "\n  "
    for prediction in predictions:
        stream.write(f"{separator}{_text(prediction, stream)}")
        separator = ",\n  "
    stream.write("\n]\n")


def parse_line(line: bytes, read: ReadAnswer) -> Prediction | None:
    """Returns the prediction in a line of JSON Lines; None if it does not hold one."""
    if not line.endswith(b"\n"):
        return None
    try:
        return Prediction.from_json(parse_json(line), read)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _text(prediction: Prediction, stream: TextIO) -> str:
    return json_text(prediction.as_json(), encoding=stream.encoding)
