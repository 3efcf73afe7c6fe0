"""What the tasks have in common whose heads answer for places of an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cnnxfer.config import Config, check_places
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.objects import Objects
from cnnxfer.data.views.views import Views
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.registry import load_object
from cnnxfer.reporting import listed
from cnnxfer.spelling import option

# Returns a Keras model called `HEAD` from shapes of maps, the number of classes, the
# dropout rate and the side of the view.
BuildHead = Callable[[Sequence[tuple[int, ...]], int, float, int], Any]

# Settings whose other values than the default nothing here would follow.
OF_CLASSES = ("recipe", "loss", "monitor")


@dataclass(frozen=True)
class Head:
    """A kind of head.

    Attributes:
        strides: those of the maps that it reads, ascending.
        builder: `"module:function"` of a `BuildHead`.
    """

    strides: tuple[int, ...]
    builder: str


class DenseTask:
    """The base of a task whose head reads maps, and whose answers have a place."""

    name: str
    heads: ClassVar[Mapping[str, Head]]
    suited: ClassVar[tuple[str, ...]]  # the tasks of data sets that it can learn from
    has_boxes: ClassVar[bool] = True
    activation: ClassVar[str] = "linear"
    follows_views: ClassVar[bool] = True
    merges_views: ClassVar[bool] = False
    has_scores: ClassVar[bool] = True

    def lacks(self, what: str, dataset: Dataset, spec: str) -> DataError:
        """Returns the error for data without `what`: "boxes" or "masks"."""
        return DataError(
            f"{spec} has no {what}, and {self.name} needs them. Use "
            f"{option('--task', dataset.task)}, or leave it out."
        )

    def check_other(
        self, dataset: Dataset, spec: str, model: str, several: bool
    ) -> None:
        """Checks that other images are annotated as this task needs it."""
        if dataset.task not in self.suited:
            raise DataError(
                f"{spec} is data for {dataset.task}, and {model} was trained for "
                f"{self.name}. Measure it on data for {listed(self.suited)}."
            )

    def check_settings(self, config: Config) -> None:
        """Checks that the head gives what is to be answered.

        See `Task.check_settings`.
        """
        if config.head not in self.heads:
            kinds = listed([option("--head", kind) for kind in self.heads])
            raise ConfigError(
                f"{option('--head', config.head)} is not for {self.name}, which has "
                f"{kinds}."
            )
        for setting in (*OF_CLASSES, *["class_weights"] * self.has_boxes):
            value = getattr(config, setting)
            if value != getattr(Config(), setting):
                given = option(f"--{setting.replace('_', '-')}", value)
                raise ConfigError(
                    f"{given} is for classes; {self.name} has settings of its own. "
                    "Leave it out."
                )
        for phase in (getattr(config, config.first_phase), config.fine_tune):
            if phase.label_smoothing:
                smoothing = option("--label-smoothing", phase.label_smoothing)
                raise ConfigError(
                    f"{smoothing} is for one class an image, and {self.name} learns "
                    "more than that. Set label_smoothing = 0."
                )
        check_places(config, self.name, boxes=self.has_boxes)

    def strides(self, kind: str) -> tuple[int, ...]:
        """Returns at which strides a kind of head reads maps of the backbone."""
        return self.heads[kind].strides

    def head_layers(
        self,
        kind: str,
        shapes: Sequence[tuple[int, ...]],
        num_classes: int,
        dropout: float,
        image_size: int,
    ) -> list[Any]:
        """Returns the head, a model of maps, and the layer behind it if there is one.

        See `Task.head_layers`.
        """
        build: BuildHead = load_object(self.heads[kind].builder)
        head = build(shapes, num_classes, dropout, image_size)
        return [head, *self.answer_layers(shapes, image_size)]

    def answer_layers(
        self, shapes: Sequence[tuple[int, ...]], image_size: int
    ) -> list[Any]:
        """Returns the layer called `ANSWER`, in a list; an empty one without it."""
        return []

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Returns a network's outputs as they are: they hold more than probabilities.

        See `Task.probabilities`.
        """
        return logits


def shown_objects(example: Example, place: Geometry) -> Objects:
    """Returns the objects of an image as a view shows them, in pixels of the view."""
    objects = example.annotation
    assert isinstance(objects, Objects)
    return objects.through(place)


def frame_in_view(example: Example, place: Geometry) -> np.ndarray:
    """Returns the part of a view that shows the image, at whose edges answers end.

    That is float64 `(4,)`: left, top, right and bottom, in pixels of the view.
    """
    annotation: Any = example.annotation
    corners = np.array([(0, 0), (annotation.width, annotation.height)])
    return np.sort(place.to_view(corners), axis=0).clip(0, place.size).ravel()


def place_of(example: Example, views: Views, image_size: int) -> Geometry:
    """Returns where a view lies in an image whose annotation knows its size."""
    annotation: Any = example.annotation
    view = views.of(example)
    return view.geometry(annotation.width, annotation.height, image_size)
