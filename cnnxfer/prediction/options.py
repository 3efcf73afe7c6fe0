"""The options of a prediction, and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.engines.options import check_batch, check_choice
from cnnxfer.errors import ConfigError
from cnnxfer.registry import check_known
from cnnxfer.spelling import option

TTA = ("none", "flip", "five", "ten", "scales")
FRAMES = ("first", "all")
DEFAULT_TOP = 5


@dataclass(frozen=True)
class ClassifierOptions:
    """How a model looks at images and answers.

    Attributes:
        top: the number of classes in each prediction; None for 5, or all if there are
            fewer.
        min_confidence: a probability above 0 and at most 1; if no class reaches it,
            `Prediction.label` is "unsure". If images may have several labels, each
            label must also reach its own threshold.
        frames: "first", or "all" for one prediction for each frame of a file.
        max_pixels: the largest number of pixels of an image; larger images are not
            decoded.
        tta: the views whose predictions are averaged: "none" (the central view only),
            "flip", "five", "ten" or "scales"; see `tta_views`.
        dense: whether the network sees the whole image, without cropping; see
            `dense_network`.
        engine: "openvino", "keras", or "auto": the fastest engine whose outputs agree
            with those of Keras in float32, which is checked on the first images.
        precision: "float32", "bfloat16", or "auto": the fastest one whose outputs
            agree in the same way.
        batch: the number of images that are computed at once; None for the fastest for
            the engine. It becomes smaller if memory runs out.
    """

    top: int | None = None
    min_confidence: float | None = None
    frames: str = "first"
    max_pixels: int = MAX_PIXELS
    tta: str = "none"
    dense: bool = False
    engine: str = "auto"
    precision: str = "auto"
    batch: int | None = None

    def check(self, classes: int) -> None:
        """Checks all options.

        Args:
            classes: the number of the model's classes.

        Raises:
            ConfigError: if an option is wrong.
        """
        check_choice(self.engine, self.precision)
        check_batch(self.batch)
        check_known(option("--tta"), self.tta, TTA)
        check_known(option("--frames"), self.frames, FRAMES)
        if self.dense and self.tta != "none":
            raise ConfigError(
                f"{option('--tta', self.tta)} and {option('--dense', True)} exclude "
                "each other. Leave one out."
            )
        if self.min_confidence is not None and not 0 < self.min_confidence <= 1:
            raise ConfigError(
                f"{option('--min-confidence')} is {self.min_confidence:g}; it must be "
                "a probability above 0 and at most 1, such as 0.5."
            )
        if self.max_pixels < 1:
            raise ConfigError(
                f"{option('--max-pixels')} is {self.max_pixels}; it must be a number "
                "of pixels above 0, such as 200000000."
            )
        if self.top is not None and not 1 <= self.top <= classes:
            raise ConfigError(
                f"{option('--top')} is {self.top}; it must be 1 to {classes}, the "
                "number of classes."
            )


@dataclass(frozen=True)
class InputOptions:
    """How inputs are read.

    Attributes:
        recursive: whether folders are searched with their subfolders.
        column: the column of tables that has the paths; None for "path", or for the
            only column.
        allow_private: whether web addresses may lead into private networks, or to this
            machine.
    """

    recursive: bool = True
    column: str | None = None
    allow_private: bool = False


@dataclass(frozen=True)
class PredictOptions(ClassifierOptions, InputOptions):
    """All options of a prediction but its inputs, model and outputs."""


@dataclass(frozen=True)
class Outputs:
    """Where predictions go; None for what is not written.

    Attributes:
        out: the file to write the results to, which the suffix ".gz" compresses; or a
            text stream, such as `sys.stdout`.
        format: "table", "json", "jsonl", "csv" or "parquet"; None for what the suffix
            of `out` says, or a table for a stream.
        resume: whether to go on with an unfinished JSONL file.
        sheet: the HTML file of a contact sheet.
        copy_to: a folder to copy the files to, into a folder for each class.
        heatmap: a folder for pictures that show where the class is; needs `dense`.
    """

    out: Path | TextIO | None = None
    format: str | None = None
    resume: bool = False
    sheet: Path | None = None
    copy_to: Path | None = None
    heatmap: Path | None = None
