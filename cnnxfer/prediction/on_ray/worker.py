"""What runs on the machines of a cluster: a classifier that stays open."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.images.source import ImageSource, unreadable_source
from cnnxfer.errors import DataError
from cnnxfer.hardware.cores import VARIABLE
from cnnxfer.prediction.on_ray.blocks import Answer
from cnnxfer.reporting import SilentReporter
from cnnxfer.version import __version__


@dataclass(frozen=True)
class Order:
    """Which model is opened, and how it answers.

    Attributes:
        model: the absolute path of a run or of an export, or the name of a backbone.
        options: how it looks at images.
        heat: whether predictions have heat.
    """

    model: str
    options: ClassifierOptions
    heat: bool


class Worker:
    """An actor with a classifier, and processes of its own that decode for it."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._classifier: Any = None

    def open(self) -> dict[str, Any]:
        """Opens the classifier; returns its settings, and the version of cnnxfer.

        Raises:
            CnnxferError: what is raised here, its caller raises as well; what is raised
                while an actor is made would only end it.
        """
        # OpenVINO is imported with them, which the caller does not need.
        from cnnxfer.prediction.classifier import Classifier
        from cnnxfer.prediction.model_source import find_model

        order = self._order
        self._classifier = Classifier(
            find_model(order.model), order.options, SilentReporter(), heat=order.heat
        )
        return {"version": __version__, **self._classifier.settings}

    def answers(
        self, sources: Sequence[ImageSource]
    ) -> tuple[list[Answer], tuple[str, str] | None]:
        """Returns the answer to each image, and what has answered; see `variant`."""
        found: list[Answer] = []
        for prediction in self._classifier.predictions(sources):
            if not prediction.frame:
                found.append([])
            found[-1].append(replace(prediction, source=None))
        return found, self._classifier.variant


def environment(cores: int) -> dict[str, str]:
    """Returns the variables that have all libraries keep to so many cores."""
    names = (VARIABLE, "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return dict.fromkeys((*names, "TF_NUM_INTEROP_THREADS"), str(cores))


def portable(source: ImageSource) -> ImageSource:
    """Returns an image that another process can read, with its content if need be."""
    try:
        pickle.dumps(source.read)
    except Exception:  # a member of an archive that is open here
        try:
            content = source.read()
        except DataError as error:
            return unreadable_source(source.name, str(error))
        return ImageSource(source.name, _Content(content), True, len(content))
    return source


@dataclass(frozen=True)
class _Content:
    """Reads what is there already."""

    content: bytes

    def __call__(self) -> bytes:
        return self.content
