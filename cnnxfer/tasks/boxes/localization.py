"""The task of images with exactly one object each: its class and its box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from cnnxfer.config import Config
from cnnxfer.data.dataset import DETECTION, LOCALIZATION, Dataset, Example
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.objects import task_of_objects
from cnnxfer.data.views.views import Views
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter, counted
from cnnxfer.spelling import option
from cnnxfer.tasks.agreement import TIE_TOLERANCE, Bounds, Verdict
from cnnxfer.tasks.answer import NONE
from cnnxfer.tasks.bootstrap import resampled_mean
from cnnxfer.tasks.boxes.iou import iou
from cnnxfer.tasks.boxes.localization_figures import (
    LocalizationFigures,
    localization_scores,
    measure_localization,
)
from cnnxfer.tasks.boxes.localization_loss import LocalizationLoss
from cnnxfer.tasks.boxes.sure_objects import SureObjects, objects_of
from cnnxfer.tasks.class_answer import word_for_nothing
from cnnxfer.tasks.class_task import class_targets, softmax
from cnnxfer.tasks.dense_task import (
    DenseTask,
    Head,
    frame_in_view,
    place_of,
    shown_objects,
)
from cnnxfer.tasks.loss_values import mean_loss
from cnnxfer.tasks.score import MEAN_IOU, Score

TEXTBOOK = "textbook"
# Where engines are compared, edges may be off by this share of what probabilities may,
# in sides of the view.
EDGE_SHARE = 0.2
HEADS = "cnnxfer.tasks.boxes.localization_head"


@dataclass(frozen=True)
class LocalizationObjective(LocalizationLoss):
    """The loss of a class and a box, and the score that selects the best epoch.

    Its targets end with what `frame_in_view` returns, as fractions of the view's side.
    """

    def loss(self, targets: Any, outputs: Any) -> Any:
        """Returns the loss of each image, float32 `(batch,)`."""
        return super().loss(targets[..., :-4], outputs)

    def accuracy(self, targets: Any, outputs: Any) -> Any:
        """Returns 1 for each image whose class and box are right, else 0."""
        return super().accuracy(targets[..., :-4], outputs)

    def chance_loss(self, targets: np.ndarray) -> float:
        """Returns the mean loss of no preference for a class, and a box of no area."""
        return mean_loss(self, targets, np.zeros_like(targets[..., :-4]))

    def score(self, logits: np.ndarray, targets: np.ndarray, epoch: int) -> Score:
        """Returns the score of a model's outputs; see `Objective.score`."""
        classes, box, frame = np.split(targets, [-8, -4], axis=1)
        shown = classes.any(axis=1)
        named = logits[:, :-4].argmax(axis=1) == classes.argmax(axis=1)
        # As answers are cut off at the edges of the image.
        found = logits[:, -4:].clip(np.tile(frame[:, :2], 2), np.tile(frame[:, 2:], 2))
        figures = localization_scores(found[shown], box[shown], named[shown])
        return Score(dict(figures), mean_loss(self, targets, logits), epoch, MEAN_IOU)


class OneBox(SureObjects):
    """The decision for the most probable class, with its box."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides the answers, in types that JSON has."""
        return {"task": LOCALIZATION}

    quality_name: ClassVar = "IoU of its box"

    def quality(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns the overlap of each image's box, 0 if the class is wrong."""
        items = [each.objects[0] for each in objects_of(examples)]
        rows = np.concatenate(found)
        overlap = iou(rows[:, :4], np.array([item.box for item in items]))
        named = rows[:, 5].astype(np.int64) == [item.label for item in items]
        return np.where(named, overlap, 0.0)

    def resampled_headline(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns the figure of resamples; see `Decision.resampled_headline`."""
        boxes = [each.objects[0].box for each in objects_of(examples)]
        return resampled_mean(iou(np.concatenate(found)[:, :4], np.array(boxes)))

    def measure(
        self,
        class_names: Sequence[str],
        found: Sequence[np.ndarray],
        examples: Sequence[Example],
    ) -> tuple[LocalizationFigures, np.ndarray]:
        """Returns the figures, and which images are right; see `Decision.measure`."""
        return measure_localization(class_names, found, objects_of(examples))


@dataclass(frozen=True)
class Localization(DenseTask):
    """The task of images with exactly one object each."""

    name: str = LOCALIZATION
    suited: ClassVar = (LOCALIZATION,)
    outputs: ClassVar = (
        "logits, then left, top, right and bottom as fractions of the side"
    )
    heads: ClassVar = {
        "vote": Head((32,), f"{HEADS}:vote_head"),
        TEXTBOOK: Head((32,), f"{HEADS}:textbook_head"),
    }

    def taken(self, dataset: Dataset, spec: str) -> Dataset:
        """Returns the data set, of which every image has one box; see `Task.taken`."""
        if dataset.task in self.suited:
            return _without_crowds(dataset)
        if dataset.task != DETECTION:
            raise self.lacks("boxes", dataset, spec)
        other = next(
            example
            for example, objects in zip(
                dataset.examples, objects_of(dataset.examples), strict=True
            )
            if task_of_objects([objects]) != LOCALIZATION
        )
        (objects,) = objects_of([other])
        raise DataError(
            f"{self.name} needs one box in every image, and {other.id} of {spec} has "
            f"{counted(len(objects.objects), 'object')}. Use "
            f"{option('--task', DETECTION)}, or leave it out."
        )

    def targets(
        self,
        examples: Sequence[Example],
        num_classes: int,
        views: Views,
        image_size: int,
    ) -> np.ndarray:
        """Returns the class, the box and the frame, as fractions of the view's side.

        That is float32 `(images, classes + 8)`, with zeros for class and box where a
        view does not show the object; see `Task.targets` and `frame_in_view`.
        """
        boxes = np.zeros((len(examples), 8), np.float32)
        classes = class_targets(examples, num_classes)
        for index, example in enumerate(examples):
            place = place_of(example, views, image_size)
            boxes[index, 4:] = frame_in_view(example, place) / image_size
            seen = shown_objects(example, place).objects
            if seen:
                boxes[index, :4] = np.divide(seen[0].box, image_size)
            else:
                classes[index] = 0
        return np.concatenate([classes, boxes], axis=1)

    def objective(
        self,
        config: Config,
        shapes: Sequence[tuple[int, ...]],
        class_names: Sequence[str],
        examples: Sequence[Example],
        *,
        label_smoothing: float,
        reporter: Reporter,
    ) -> LocalizationObjective:
        """Returns the objective that the settings ask for; see `Task.objective`."""
        return LocalizationObjective(squared=config.head == TEXTBOOK)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Returns the probabilities of the classes, and the box as it is."""
        classes, box = logits[..., :-4], logits[..., -4:]
        return np.concatenate([softmax(classes), box], axis=-1)

    def output_shape(self, num_classes: int, image_size: int) -> tuple[int, ...]:
        """Returns the shape of logits and box."""
        return (num_classes + 4,)

    def combined(
        self, found: np.ndarray, places: Sequence[Geometry], width: int, height: int
    ) -> np.ndarray:
        """Returns the mean box of the views in the image, and its class.

        That is float32 `(1, 6)`: left, top, right and bottom in pixels of the image,
        the probability and the class; see `Task.combined`.
        """
        corners = [
            np.sort(place.to_image(row[-4:].reshape(2, 2) * place.size), axis=0)
            for row, place in zip(found, places, strict=True)
        ]
        box = np.mean(corners, axis=0).clip(0, (width, height)).ravel()
        probabilities = found[:, :-4].mean(axis=0)
        best = probabilities.argmax()
        row = [*box, probabilities[best], best]
        return np.array([row], np.float32)

    def agreement(
        self, answers: np.ndarray, reference: np.ndarray, bounds: Bounds
    ) -> Verdict:
        """Compares probabilities, classes, and where the edges of the boxes are.

        Not how far the boxes overlap: a head that has hardly learned may give boxes
        without an area.
        """
        differences = np.abs(answers - reference)
        difference = float(differences[:, :-4].max())
        most = EDGE_SHARE * bounds.difference
        best = answers[:, :-4].argmax(axis=1)
        of_best = reference[np.arange(len(reference)), best]
        right = of_best >= reference[:, :-4].max(axis=1) - TIE_TOLERANCE
        same = int((right & (differences[:, -4:].max(axis=1) <= most)).sum())
        return Verdict(
            difference <= bounds.difference and same >= bounds.agreement * len(answers),
            f"a probability differs by {difference:.3f} (at most "
            f"{bounds.difference:g}), {same} of {len(answers)} boxes have the same "
            f"class, and edges within {most:.2%} of the side (at least "
            f"{bounds.agreement:.0%})",
        )

    def decision(
        self,
        class_names: Sequence[str],
        thresholds: Mapping[str, float],
        temperature: float | None = None,
    ) -> OneBox:
        """Returns the decision for the most probable class and its box."""
        return OneBox(tuple(class_names), 0.0, word_for_nothing(NONE, class_names))


def _without_crowds(dataset: Dataset) -> Dataset:
    """Returns a data set whose images have one object each, and nothing else."""
    examples = [
        replace(
            example,
            annotation=replace(
                objects,
                objects=tuple(item for item in objects.objects if not item.crowd),
            ),
        )
        for example, objects in zip(
            dataset.examples, objects_of(dataset.examples), strict=True
        )
    ]
    return replace(dataset, examples=tuple(examples))
