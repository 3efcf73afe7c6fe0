"""Writers of JSON Lines, with one object per image, and of JSON, one list of them."""

from collections.abc import Iterable
from typing import TextIO

from cnnxfer.files import json_text
from cnnxfer.prediction.prediction import Prediction


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


def _text(prediction: Prediction, stream: TextIO) -> str:
    return json_text(prediction.as_json(), encoding=stream.encoding)
