"""A file of what each class counts in the loss, written by hand."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from cnnxfer.errors import ConfigError, reason_of
from cnnxfer.registry import did_you_mean

NONE, AUTO = "none", "auto"
HEADER = ["class", "weight"]


def check_class_weights(text: str) -> None:
    """Checks what was typed for `--class-weights`, as far as it goes without the data.

    Raises:
        ConfigError: if it is neither `none` nor `auto` nor a whole file of weights.
    """
    if text not in (NONE, AUTO):
        read_class_weights(Path(text))


def read_class_weights(path: Path) -> dict[str, float]:
    """Returns the weights of a file with a line CLASS,WEIGHT for each class.

    A line `class,weight` may come first. Lines that begin with # are comments, and
    names that hold a comma stand in double quotes.

    Raises:
        ConfigError: if it cannot be read, a line is not of that form, a weight is not
            a finite number above 0, or a class has two.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        near = did_you_mean(str(path), (NONE, AUTO))
        expected = f" Expected {NONE}, {AUTO} or a file of CLASS,WEIGHT lines."
        raise ConfigError(
            f"--class-weights {path} cannot be read: {reason_of(error)}."
            f"{near or expected}"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"--class-weights {path} is not UTF-8 text.") from error
    lines = text.splitlines()
    weights: dict[str, float] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = next(csv.reader([line], skipinitialspace=True))
        if not weights and [field.strip().lower() for field in fields] == HEADER:
            continue
        place = f"{path}, line {number}"
        if len(fields) != 2:
            raise ConfigError(f"{place}: expected CLASS,WEIGHT, found {line!r}.")
        name, weight = fields
        if name in weights:
            raise ConfigError(f"{place}: {name!r} has a weight already. Remove one.")
        weights[name] = _number(weight, place)
    if not weights:
        raise ConfigError(f"{path} has no line CLASS,WEIGHT.")
    return weights


def _number(text: str, place: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        raise ConfigError(
            f"{place}: the weight is {text!r}; it must be a number above 0."
        )
    return weight
