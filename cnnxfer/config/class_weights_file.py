"""The file of `--class-weights`: the weight of each class in the loss."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from cnnxfer.errors import ConfigError, reason_of
from cnnxfer.registry import did_you_mean
from cnnxfer.spelling import option
from cnnxfer.texts import SAVE_AS_UTF8, csv_rows, normal, read_text, separator_of

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
    comments, and class names that contain a comma are put in double quotes. With
    semicolons or tabs between the two, as spreadsheets may write them, a weight may
    have a decimal comma.

    Raises:
        ConfigError: if the file cannot be read, a line has another form, a weight is
            not a finite number above 0, or a class has two weights.
    """
    try:
        text = read_text(path)
    except OSError as error:
        question = did_you_mean(str(path), (NONE, AUTO))
        expected = f" Expected {NONE}, {AUTO} or a file of CLASS,WEIGHT lines."
        raise ConfigError(
            f"{option('--class-weights')} {path} cannot be read: "
            f"{reason_of(error)}."
            f"{question or expected}"
        ) from error
    except UnicodeError as error:
        raise ConfigError(
            f"{option('--class-weights')} {path} is {error}; {SAVE_AS_UTF8} {path}"
        ) from error
    separator = ""
    weights: dict[str, float] = {}
    weighted: set[str] = set()  # the names in normal form
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if not separator:
            separator, is_named = separator_of(line)
            if is_named:
                continue
        fields = _cells(path, number, line, separator)
        if not any(fields):  # spreadsheets write rows of empty cells
            continue
        if not weights and [field.lower() for field in fields] == HEADER:
            continue
        location = f"{path}, line {number}"
        if len(fields) != 2:
            raise ConfigError(f"{location}: expected CLASS,WEIGHT, found {line!r}.")
        name, weight = fields
        if normal(name) in weighted:
            raise ConfigError(f"{location}: {name!r} already has a weight. Remove one.")
        if separator != ",":
            weight = weight.replace(",", ".")
        weights[name] = _parse_weight(weight, location)
        weighted.add(normal(name))
    if not weights:
        raise ConfigError(f"{path} has no CLASS,WEIGHT lines.")
    return weights


def _cells(path: Path, number: int, line: str, separator: str) -> list[str]:
    try:
        (cells,) = csv_rows([line], separator)
    except csv.Error as error:
        raise ConfigError(
            f"{path}, line {number} cannot be read: {error}. It is {line!r}."
        ) from error
    return [cell.strip() for cell in cells]


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
