"""A prediction request: the images, and an open classifier that is to answer them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.config.prediction import PredictOptions
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.explainable import check_explainable
from cnnxfer.prediction.inputs import count_images, find_images
from cnnxfer.prediction.model_source import find_model
from cnnxfer.prediction.on_ray.place import HERE, check_place
from cnnxfer.prediction.options import check_options
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted
from cnnxfer.runs import Run
from cnnxfer.spelling import option

if TYPE_CHECKING:
    from cnnxfer.prediction.classifier import Classifier


@dataclass(frozen=True)
class PredictionRequest:
    """Images, and the classifier that is to answer them."""

    sources: Iterator[ImageSource]  # those not yet answered, in the order of the inputs
    total: int | None  # the number of images, if it is known
    classifier: Classifier  # to be closed by whoever has opened the request
    reporter: Reporter
    passed_over: PassedOver  # what was no image, counted while `sources` are taken

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

    The arguments, and what is raised, are those of `cnnxfer.predict`; with `heat`,
    predictions also say where in the image the class is.
    """
    check_place(options.on)
    found = find_model(model, runs_dir, reporter)
    check_options(options, len(found.classes), found.task, found.fit)
    if heat and options.boxes:
        raise ConfigError(
            f"{option('--heatmap')} shows where one class is, and "
            f"{option('--boxes', True)} finds objects of all. Leave one out."
        )
    if heat:
        check_explainable(found)
    passed_over = PassedOver()
    with reporter.wait(f"looking for images in {_name(inputs)}"):
        sources = find_images(inputs, options, passed_over)
        total = count_images(inputs, options) if options.frames == "first" else None
    if model is None:
        reporter.info(f"model: {found.place}")
    with reporter.wait("loading the network"):
        # These import OpenVINO, which takes a while; options are checked first.
        from cnnxfer.prediction.classifier import Classifier
        from cnnxfer.prediction.on_ray.classifier import RayClassifier

        if options.on == HERE:
            classifier = Classifier(found, options, reporter, heat=heat)
        else:
            classifier = RayClassifier(found, options, reporter, heat=heat)
    return PredictionRequest(
        sources=sources,
        total=total,
        classifier=classifier,
        reporter=reporter,
        passed_over=passed_over,
    )


def _name(inputs: Sequence[str]) -> str:
    return inputs[0] if len(inputs) == 1 else counted(len(inputs), "input")
