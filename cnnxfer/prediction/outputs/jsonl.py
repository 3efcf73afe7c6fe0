"""Writers of JSON Lines, with one object per image, and of JSON, one list of them."""

from collections.abc import Iterable
from typing import TextIO

from cnnxfer.files import json_text
from cnnxfer.prediction.prediction import Prediction


def write_jsonl(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes one object per line, each as soon as its prediction is available."""
    for prediction in predictions:
        stream.write(json_text(prediction.as_json()) + "\n")
        stream.flush()


def write_json(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes one list of objects, each as soon as its prediction is available."""
    stream.write("[")
    separator = "\n  "
    for prediction in predictions:
        stream.write(f"{separator}{json_text(prediction.as_json())}")
        separator = ",\n  "
    stream.write("\n]\n")
