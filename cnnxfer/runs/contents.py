"""What the JSON files of a run hold, as far as it is read again."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from cnnxfer.records import Within

Count = Annotated[int, Within(0)]
Fraction = Annotated[float, Within(0, 1)]
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.05, 20.0
Temperature = Annotated[float, Within(LEAST_TEMPERATURE, MOST_TEMPERATURE)]


class Receipt(TypedDict, total=False):
    """The origin of a run, in `receipt.json`."""

    phase: str
    status: str
    parent: str | None
    data_name: str
    backbone: str
    started: str
    more_epochs: Annotated[int, Within(0, 10**9)]
    seconds: Annotated[float, Within(0)]
    precision: Literal["float32", "bfloat16", "float16"]
    logs: list[Literal["tensorboard", "mlflow"]]
    mlflow_run: str


# What a phase is monitored by, or an evaluation is known by.
Figure = Literal[
    "accuracy",
    "macro-f1",
    "mean-average-precision",
    "mean-iou",
    "class-accuracy",
    "ap",
    "ap50",
    "miou",
    "pixel-accuracy",
]


class ValidationFigures(TypedDict, total=False):
    """The score of a model on the validation images, after an epoch of training."""

    epoch: Count
    monitor: Figure
    val_images: Count
    val_loss: float
    val_calibrated_loss: float
    temperature: Temperature | None
    val_accuracy: Fraction
    val_macro_f1: Fraction
    val_mean_average_precision: Fraction
    val_mean_iou: Fraction
    val_class_accuracy: Fraction
    val_ap: Fraction
    val_ap50: Fraction
    val_miou: Fraction
    val_pixel_accuracy: Fraction


class Calibration(TypedDict):
    """What makes confidences honest, in `temperature.json`."""

    temperature: Temperature


class Share(TypedDict):
    """A share of images, or such a figure, with its confidence interval."""

    value: Fraction
    low: float
    high: float


class Headline(Share):
    """The figure that stands for all."""

    figure: Figure


class Right(TypedDict):
    """The share of images that a run answers correctly."""

    right: Share


class Measured(Right, total=False):
    """What `evaluate` measures of a run, and of its parent on the same images."""

    run: str
    images: Count
    headline: Headline  # where it is not the share of right answers
    weakest: dict[str, Fraction]  # how well the classes are answered that are worst
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
