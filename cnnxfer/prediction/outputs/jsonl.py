"""JSON: a line an image, or one list of all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from cnnxfer.files import json_text
from cnnxfer.prediction.prediction import Prediction


def write_jsonl(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes each prediction as soon as it is there, one object a line."""
    for prediction in predictions:
        stream.write(json_text(prediction.as_json()) + "\n")
        stream.flush()


def write_json(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes one list with an object a line, each as soon as it is there."""
    stream.write("[")
    separator = "\n  "
    for prediction in predictions:
        stream.write(f"{separator}{json_text(prediction.as_json())}")
        separator = ",\n  "
    stream.write("\n]\n")
