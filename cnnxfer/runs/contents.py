"""What the JSON files of a run hold, as far as it is read again."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from cnnxfer.records import Within

Count = Annotated[int, Within(0)]
Fraction = Annotated[float, Within(0, 1)]


class Receipt(TypedDict, total=False):
    """The origin of a run, in `receipt.json`."""

    phase: str
    status: str
    parent: str | None
    more_epochs: Annotated[int, Within(0, 10**9)]
    precision: Literal["float32", "bfloat16", "float16"]


class ValidationFigures(TypedDict, total=False):
    """The score of a model on the validation images, after an epoch of training."""

    epoch: Count
    monitor: Literal["accuracy", "macro-f1", "mean-average-precision"]
    val_images: Count
    val_loss: float
    val_accuracy: Fraction
    val_macro_f1: Fraction
    val_mean_average_precision: Fraction


class Share(TypedDict):
    """A share of images, with its confidence interval."""

    value: Fraction
    low: float
    high: float


class Right(TypedDict):
    """The share of images that a run answers correctly."""

    right: Share


class Measured(Right, total=False):
    """What `evaluate` measures of a run, and of its parent on the same images."""

    run: str
    before: Measured | None
    gained: Count | None
    lost: Count | None


class Metrics(TypedDict, total=False):
    """The figures of a run, in `metrics.json`."""

    frozen: ValidationFigures
    scratch: ValidationFigures
    fine_tune: ValidationFigures
    before: ValidationFigures
    validation: Measured
    test: Measured
