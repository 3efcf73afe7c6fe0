"""A prediction request: the images, and an open classifier that is to answer them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.config.prediction import PredictOptions
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.inputs import count_images, find_images
from cnnxfer.prediction.model_source import find_model
from cnnxfer.prediction.options import check_options
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.spelling import option

if TYPE_CHECKING:
    from cnnxfer.prediction.classifier import Classifier


@dataclass(frozen=True)
class PredictionRequest:
    """Images, and the classifier that is to answer them.

    Attributes:
        sources: the images that are not yet answered, in the order of the inputs.
        total: the number of all images; None if it is not known.
        classifier: answers them; to be closed by the user of the request.
        reporter: draws the progress bar.
    """

    sources: Iterator[ImageSource]
    total: int | None
    classifier: Classifier
    reporter: Reporter

    def predictions(self) -> Iterator[Prediction]:
        """Yields a prediction for each of `sources`, in order."""
        progress = self.reporter.progress("predicting", self.total, "images")
        return self.classifier.predictions(self.sources, progress)


def open_request(
    inputs: Sequence[str],
    options: PredictOptions,
    *,
    model: Run | str | Path | None,
    runs_dir: str | Path | None,
    heat: bool,
    reporter: Reporter,
) -> PredictionRequest:
    """Checks the options, finds the images and opens the model.

    Args:
        inputs: files, folders and other inputs; see `find_images`.
        options: the options.
        model: what names the model; see `find_model`.
        runs_dir: directory of the runs; None for the default.
        heat: whether predictions also say where in the image the class is.
        reporter: receives messages and progress.

    Raises:
        ConfigError: if an option is wrong, or the model is unknown.
        DataError: if an input does not exist or holds no image.
        RunError: if the run has no model, or weights could not be downloaded.
    """
    found = find_model(model, runs_dir)
    check_options(options, len(found.classes))
    if heat and not options.dense:
        raise ConfigError(
            f"{option('--heatmap')} needs {option('--dense', True)}. Add it."
        )
    sources = find_images(inputs, options)
    if model is None:
        reporter.info(f"model: {found.place}")
    # This imports OpenVINO, which takes a tenth of a second; options are checked first.
    from cnnxfer.prediction.classifier import Classifier

    return PredictionRequest(
        sources=sources,
        total=count_images(inputs, options) if options.frames == "first" else None,
        classifier=Classifier(found, options, reporter, heat=heat),
        reporter=reporter,
    )
