"""The file of `--class-weights`: the weight of each class in the loss."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from cnnxfer.errors import ConfigError, reason_of
from cnnxfer.registry import did_you_mean
from cnnxfer.spelling import option

NONE, AUTO = "none", "auto"
HEADER = ["class", "weight"]


def check_class_weights(text: str) -> None:
    """Checks the value of `--class-weights` without reading the data.

    Raises:
        ConfigError: if it is neither `none` nor `auto` nor a valid file of weights.
    """
    if text not in (NONE, AUTO):
        read_class_weights(Path(text))


def read_class_weights(path: Path) -> dict[str, float]:
    """Returns the weight of each class in a file of CLASS,WEIGHT lines.

    The first line may be the header `class,weight`. Lines that begin with # are
    comments, and class names that contain a comma are put in double quotes.

    Raises:
        ConfigError: if the file cannot be read, a line has another form, a weight is
            not a finite number above 0, or a class has two weights.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        question = did_you_mean(str(path), (NONE, AUTO))
        expected = f" Expected {NONE}, {AUTO} or a file of CLASS,WEIGHT lines."
        raise ConfigError(
            f"{option('--class-weights')} {path} cannot be read: "
            f"{reason_of(error)}."
            f"{question or expected}"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{option('--class-weights')} {path} is not UTF-8 text."
        ) from error
    lines = text.splitlines()
    weights: dict[str, float] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = next(csv.reader([line], skipinitialspace=True))
        if not weights and [field.strip().lower() for field in fields] == HEADER:
            continue
        location = f"{path}, line {number}"
        if len(fields) != 2:
            raise ConfigError(f"{location}: expected CLASS,WEIGHT, found {line!r}.")
        name, weight = fields
        if name in weights:
            raise ConfigError(f"{location}: {name!r} already has a weight. Remove one.")
        weights[name] = _parse_weight(weight, location)
    if not weights:
        raise ConfigError(f"{path} has no CLASS,WEIGHT lines.")
    return weights


def _parse_weight(text: str, location: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        raise ConfigError(
            f"{location}: the weight is {text!r}; it must be a number above 0."
        )
    return weight
