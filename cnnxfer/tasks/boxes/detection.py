"""The task of images with any number of objects: the class and the box of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cnnxfer.config import Config
from cnnxfer.data.dataset import DETECTION, LOCALIZATION, Dataset, Example
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.objects import MAX_LEARNED
from cnnxfer.data.views.views import Views
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.agreement import Bounds, Verdict
from cnnxfer.tasks.answer import NONE
from cnnxfer.tasks.boxes.answer import (
    LEAST_SCORE,
)
from cnnxfer.tasks.boxes.cells import Cells
from cnnxfer.tasks.boxes.detection_figures import (
    DetectionFigures,
    detection_scores,
    measure_detection,
    resampled_ap,
)
from cnnxfer.tasks.boxes.detection_loss import DetectionLoss
from cnnxfer.tasks.boxes.iou import iou
from cnnxfer.tasks.boxes.matches import Truth, match
from cnnxfer.tasks.boxes.merging import in_picture, merged_objects
from cnnxfer.tasks.boxes.operating_point import image_f1
from cnnxfer.tasks.boxes.sure_objects import SureObjects, objects_of
from cnnxfer.tasks.class_answer import word_for_nothing
from cnnxfer.tasks.dense_task import (
    DenseTask,
    Head,
    frame_in_view,
    place_of,
    shown_objects,
)
from cnnxfer.tasks.loss_values import BATCH, mean_loss
from cnnxfer.tasks.score import AP, Score
from cnnxfer.tasks.task import ANSWER

HEADS = "cnnxfer.tasks.boxes.detection_head"
ROWS = MAX_LEARNED  # of the targets of an image, and of its answer
UNUSED, CROWD = -1, -2  # classes of rows of targets; see `DetectionLoss`
LEAST_SAME = 0.95  # of the objects that engines find, where edges are compared
FRAME = -3  # class of one row more, of what `frame_in_view` returns; it teaches nothing
# What every cell gives to every class at first; see `detection_head`.
FIRST_LOGIT = float(np.log(0.01))


@dataclass(frozen=True)
class DetectionObjective(DetectionLoss):
    """The loss of classes and boxes, and the score that selects the best epoch.

    Attributes:
        class_names: the names of the classes, in label order.
        rows: how many rows of targets are looked at, which takes time for each. No
            training image has more objects.
    """

    class_names: tuple[str, ...]
    rows: int

    def loss(self, targets: Any, outputs: Any) -> Any:
        """Returns the loss of each image, float32 `(batch,)`."""
        return super().loss(targets[:, : self.rows], outputs)

    def accuracy(self, targets: Any, outputs: Any) -> Any:
        """Returns the share of each image's objects that are found, `(batch,)`."""
        return super().accuracy(targets[:, : self.rows], outputs)

    def chance_loss(self, targets: np.ndarray) -> float:
        """Returns the mean loss of a head that has learned nothing."""
        shape = (len(self.cells.centres), len(self.class_names) + 4)
        logits = np.full(shape, FIRST_LOGIT, np.float32)
        logits[:, -4:] = self.cells.strides[:, None]
        # The same for all images, and held in memory once.
        return mean_loss(self, targets, np.broadcast_to(logits, (len(targets), *shape)))

    def score(self, logits: np.ndarray, targets: np.ndarray, epoch: int) -> Score:
        """Returns the score of a model's outputs; see `Objective.score`."""
        found, frames = self._objects(logits), targets[:, ROWS, 1:]
        for rows, (left, top, right, bottom) in zip(found, frames, strict=True):
            rows[:, [0, 2]] = rows[:, [0, 2]].clip(left, right)
            rows[:, [1, 3]] = rows[:, [1, 3]].clip(top, bottom)
        shown = targets[:, :ROWS]
        figures, thresholds = detection_scores(self.class_names, found, shown)
        loss = mean_loss(self, targets, logits)
        return Score(dict(figures), loss, epoch, AP, dict(thresholds))

    def _objects(self, logits: np.ndarray) -> list[np.ndarray]:
        """Returns what the saved model answers, `(objects, 6)` of each image."""
        from keras import ops

        from cnnxfer.tasks.boxes.detected_objects import DetectedObjects

        layer = DetectedObjects(self.cells.sides, self.cells.image_size)
        found: list[np.ndarray] = []
        for start in range(0, len(logits), BATCH):
            batch = layer(ops.convert_to_tensor(logits[start : start + BATCH]))
            found.extend(np.array(ops.convert_to_numpy(batch)))
        return found


class AllObjects(SureObjects):
    """The decision for any number of objects."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides the answers, in types that JSON has."""
        return {"task": DETECTION, "threshold": self.threshold}

    quality_name: ClassVar = "F1 of its objects"

    def quality(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns the F1 of each image's objects at the threshold, `(images,)`.

        An image without objects has 1 if nothing is found in it.
        """
        truths = [Truth.of_objects(each) for each in objects_of(examples)]
        return image_f1(match(found, truths, len(self.class_names)), self.threshold)

    def resampled_headline(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns the figure of resamples; see `Decision.resampled_headline`."""
        truths = [Truth.of_objects(each) for each in objects_of(examples)]
        return resampled_ap(match(found, truths, len(self.class_names)))

    def measure(
        self,
        class_names: Sequence[str],
        found: Sequence[np.ndarray],
        examples: Sequence[Example],
    ) -> tuple[DetectionFigures, np.ndarray]:
        """Returns the figures, and which images are right; see `Decision.measure`."""
        return measure_detection(
            class_names, found, objects_of(examples), self.threshold
        )


@dataclass(frozen=True)
class Detection(DenseTask):
    """The task of images with any number of objects."""

    name: str = DETECTION
    suited: ClassVar = (DETECTION, LOCALIZATION)
    merges_views: ClassVar = True
    outputs: ClassVar = (
        "rows of left, top, right and bottom in pixels, score and class, best first"
    )
    heads: ClassVar = {
        "pyramid": Head((8, 16, 32), f"{HEADS}:detection_head"),
        "fine-pyramid": Head((4, 8, 16, 32), f"{HEADS}:detection_head"),
    }

    def taken(self, dataset: Dataset, spec: str) -> Dataset:
        """Returns the data set, whose images have boxes; see `Task.taken`."""
        if dataset.task not in self.suited:
            raise self.lacks("boxes", dataset, spec)
        return dataset

    def answer_layers(
        self, shapes: Sequence[tuple[int, ...]], image_size: int
    ) -> list[Any]:
        """Returns the layer that makes objects of what all cells say."""
        from cnnxfer.tasks.boxes.detected_objects import DetectedObjects

        sides = [height for height, _, _ in shapes]
        return [DetectedObjects(sides, image_size, name=ANSWER, dtype="float32")]

    def targets(
        self,
        examples: Sequence[Example],
        num_classes: int,
        views: Views,
        image_size: int,
    ) -> np.ndarray:
        """Returns float32 `(images, ROWS + 1, 5)`; see `DetectionLoss`.

        The last row is a `FRAME`.
        """
        targets = np.zeros((len(examples), ROWS + 1, 5), np.float32)
        targets[..., 0] = UNUSED
        for rows, example in zip(targets, examples, strict=True):
            place = place_of(example, views, image_size)
            rows[ROWS] = [FRAME, *frame_in_view(example, place)]
            seen = shown_objects(example, place).objects
            if not seen:
                continue
            boxes = np.array([item.box for item in seen])
            labels = [CROWD if item.crowd else item.label for item in seen]
            areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
            largest = np.argsort(-areas, kind="stable")[:ROWS]
            rows[: len(largest), 0] = np.array(labels)[largest]
            rows[: len(largest), 1:] = boxes[largest]
        return targets

    def objective(
        self,
        config: Config,
        shapes: Sequence[tuple[int, ...]],
        class_names: Sequence[str],
        examples: Sequence[Example],
        *,
        label_smoothing: float,
        reporter: Reporter,
    ) -> DetectionObjective:
        """Returns the objective that the settings ask for; see `Task.objective`."""
        assert config.image_size != "auto"
        sides = tuple(height for height, _, _ in shapes)
        most = max(len(objects.objects) for objects in objects_of(examples))
        return DetectionObjective(
            Cells(sides, config.image_size),
            tuple(class_names),
            rows=min(max(most, 1), ROWS),
        )

    def output_shape(self, num_classes: int, image_size: int) -> tuple[int, ...]:
        """Returns the shape of the list of objects."""
        return (ROWS, 6)

    def combined(
        self, found: np.ndarray, places: Sequence[Geometry], width: int, height: int
    ) -> np.ndarray:
        """Returns the objects of all views, each once, where they are in the image.

        That is float32 `(objects, 6)`: left, top, right and bottom in pixels of the
        image, score and class, best first; see `Task.combined`.
        """
        size = (width, height)
        views = [
            in_picture(rows[rows[:, 4] > 0], place, size)
            for rows, place in zip(found, places, strict=True)
        ]
        (objects, *others) = views
        if others:
            objects = merged_objects(views, [place.region for place in places], size)
        return objects.astype(np.float32)

    def agreement(
        self, answers: np.ndarray, reference: np.ndarray, bounds: Bounds
    ) -> Verdict:
        """Compares the objects that are found with a score of at least `LEAST_SCORE`.

        Two are the same if they are of the same class, have nearly the same score and
        overlap far. The share of the same ones is their Dice coefficient: twice their
        number, divided by the sum of what each finds (Dice, 1945,
        https://doi.org/10.2307/1932409).
        """
        same = total = 0
        least = 1 - bounds.difference
        for ours, theirs in zip(answers, reference, strict=True):
            # The other may lie just below the least score.
            total += int((ours[:, 4] >= LEAST_SCORE).sum())
            total += int((theirs[:, 4] >= LEAST_SCORE).sum())
            pairs = iou(ours[:, None, :4], theirs[None, :, :4]) >= least
            pairs &= ours[:, None, 5] == theirs[None, :, 5]
            scores = ours[:, None, 4], theirs[None, :, 4]
            pairs &= np.abs(scores[0] - scores[1]) <= bounds.difference
            edges = np.abs(ours[:, None, :4] - theirs[None, :, :4]).max(axis=-1)
            pairs &= edges <= bounds.pixels
            pairs &= (scores[0] > 0) & (scores[1] > 0)
            same += int((pairs.any(axis=1) & (ours[:, 4] >= LEAST_SCORE)).sum())
            same += int((pairs.any(axis=0) & (theirs[:, 4] >= LEAST_SCORE)).sum())
        if not total:  # then the scores are all that can be compared
            difference = float(np.abs(answers[..., 4] - reference[..., 4]).max())
            return Verdict(
                difference <= bounds.difference,
                f"no object has a score of {LEAST_SCORE:g}, and scores differ by "
                f"{difference:.3f} (at most {bounds.difference:g})",
            )
        share = same / total
        needed = max(bounds.agreement, LEAST_SAME if bounds.pixels < np.inf else 0)
        within = f", edges within {bounds.pixels:g} pixels" * (bounds.pixels < np.inf)
        return Verdict(
            share >= needed,
            f"{share:.1%} of {total // 2} objects are the same (at least "
            f"{needed:.0%}), with scores within {bounds.difference:g}{within} and an "
            f"overlap of at least {least:g}",
        )

    def decision(
        self,
        class_names: Sequence[str],
        thresholds: Mapping[str, float],
        temperature: float | None = None,
    ) -> AllObjects:
        """Returns the decision by a run's threshold, 0.3 until it is fitted."""
        return AllObjects(
            tuple(class_names),
            next(iter(thresholds.values()), LEAST_SCORE),
            word_for_nothing(NONE, class_names),
        )
