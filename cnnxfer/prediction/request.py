"""A prediction request: the images, the model and the options, all checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnxfer.data.decoding.pool import FRAMES
from cnnxfer.data.images.source import ImageSource
from cnnxfer.engines.options import check_batch, check_choice
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.inputs import InputOptions, count_images, find_images
from cnnxfer.prediction.model_source import find_model
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.prediction.ranking import rank_answers
from cnnxfer.prediction.tta import TTA
from cnnxfer.registry import check_known
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run

if TYPE_CHECKING:
    from cnnxfer.prediction.answers import Answers
    from cnnxfer.prediction.classifier import Classifier

DEFAULT_TOP = 5


@dataclass(frozen=True)
class PredictionRequest:
    """Images, the classifier that is to answer them, and the options.

    Attributes:
        sources: the images that are not yet answered, in the order of the inputs.
        total: the number of all images; None if it is not known.
        classifier: the model that answers.
        tta: which views of an image the model is shown; one of `TTA`.
        dense: whether the model is shown the whole image instead.
        top: the number of classes in a ranking.
        min_confidence: the probability below which the best class is not an answer;
            None if the best class always is the answer.
        frames: "first" or "all": the frames to answer in a file with several.
        max_pixels: images with more pixels are not decoded.
        known_splits: the splits of the images that the model's run has, by the SHA-256
            of their content; see `ModelSource.known_splits`.
        reporter: draws the progress bar.
    """

    sources: Iterator[ImageSource]
    total: int | None
    classifier: Classifier
    tta: str
    dense: bool
    top: int
    min_confidence: float | None
    frames: str
    max_pixels: int
    known_splits: Mapping[str, str] = field(repr=False)
    reporter: Reporter = field(repr=False)

    @cached_property
    def answers(self) -> Answers:
        """The answers to `sources`, in order."""
        from cnnxfer.prediction.answers import answer_images

        return answer_images(
            self.classifier,
            self.sources,
            "predicting",
            self.reporter,
            total=self.total,
            frames=self.frames,
            max_pixels=self.max_pixels,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Everything but the images that the predictions depend on, as JSON values.

        Options that a user types come first, because the first difference between two
        settings is the one that is reported.
        """
        model = self.classifier.model
        return {
            "model": model.name,
            "tta": self.tta,
            "dense": self.dense,
            "top": self.top,
            "min_confidence": self.min_confidence,
            "frames": self.frames,
            "max_pixels": self.max_pixels,
            "engine": self.classifier.engine_options.engine,
            "precision": self.classifier.engine_options.precision,
            "network": self.classifier.network.key,
            "views": repr(self.classifier.views),
            "classes": list(model.labels),
            "thresholds": (
                None if model.thresholds is None else model.thresholds.tolist()
            ),
        }

    def predictions(self) -> Iterator[Prediction]:
        """Yields a prediction for each of `sources`, in order.

        After the last one, `answers.prepare_next_time` may be called.
        """
        return rank_answers(
            self.classifier,
            self.answers,
            self.top,
            self.min_confidence,
            self.known_splits,
        )


def open_request(
    inputs: Sequence[str],
    *,
    model: Run | str | Path | None,
    top: int | None,
    min_confidence: float | None,
    recursive: bool,
    column: str | None,
    frames: str,
    max_pixels: int,
    allow_private: bool,
    tta: str,
    dense: bool,
    heat: bool = False,
    engine: str,
    precision: str,
    batch: int | None,
    runs_dir: str | Path | None,
    reporter: Reporter,
) -> PredictionRequest:
    """Checks the options and finds the images and the model.

    The arguments are those of `cnnxfer.predict`. With `heat`, which needs `dense`,
    predictions also say where in the image the class is.

    Raises:
        ConfigError: if an option is wrong, or the model is unknown.
        DataError: if an input does not exist or holds no image.
        RunError: if the run has no model, or weights could not be downloaded.
    """
    check_choice(engine, precision)
    check_batch(batch)
    _check_views(tta, frames, dense=dense, heat=heat)
    _check_numbers(min_confidence, max_pixels)
    chosen = find_model(model, runs_dir)
    top = _checked_top(top, len(chosen.labels))
    options = InputOptions(recursive, column, allow_private)
    sources = find_images(inputs, options)
    if model is None:
        reporter.info(f"model: {chosen.place}")
    # This imports OpenVINO, which takes a tenth of a second; options are checked first.
    from cnnxfer.prediction.classifier import EngineOptions, load_classifier

    return PredictionRequest(
        sources=sources,
        total=count_images(inputs, options) if frames == "first" else None,
        classifier=load_classifier(
            chosen,
            reporter,
            EngineOptions(engine, precision, batch),
            tta=tta,
            dense=dense,
            heat=heat,
        ),
        tta=tta,
        dense=dense,
        top=top,
        min_confidence=min_confidence,
        frames=frames,
        max_pixels=max_pixels,
        known_splits=chosen.known_splits(reporter),
        reporter=reporter,
    )


def _check_views(tta: str, frames: str, *, dense: bool, heat: bool) -> None:
    check_known("--tta", tta, TTA)
    check_known("--frames", frames, FRAMES)
    if dense and tta != "none":
        raise ConfigError(f"--tta {tta} and --dense exclude each other. Leave one out.")
    if heat and not dense:
        raise ConfigError("--heatmap needs --dense. Add it.")


def _check_numbers(min_confidence: float | None, max_pixels: int) -> None:
    if min_confidence is not None and not 0 < min_confidence <= 1:
        raise ConfigError(
            f"--min-confidence is {min_confidence:g}; it must be a probability above "
            "0 and at most 1, such as 0.5."
        )
    if max_pixels < 1:
        raise ConfigError(
            f"--max-pixels is {max_pixels}; it must be a number of pixels above 0, "
            "such as 200000000."
        )


def _checked_top(top: int | None, classes: int) -> int:
    """Returns the number of classes in a ranking."""
    if top is None:
        return DEFAULT_TOP
    if not 1 <= top <= classes:
        raise ConfigError(
            f"--top is {top}; it must be 1 to {classes}, the number of classes."
        )
    return top
