"""The figures of answers that are one box in each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnnxfer.data.objects import Objects
from cnnxfer.runs.summary import percent
from cnnxfer.tasks.bootstrap import mean_with_interval
from cnnxfer.tasks.boxes.iou import iou
from cnnxfer.tasks.class_table import ClassTable
from cnnxfer.tasks.score import CLASS_ACCURACY, MEAN_IOU
from cnnxfer.tasks.significance import Accuracy, wilson_interval

FOUND = 0.5  # the overlap from which on an object counts as found, as in ImageNet
CLOSE = 0.75


@dataclass(frozen=True)
class LocatedClass:
    """The figures of one class; shares are fractions, and None without images.

    Attributes:
        label: the name of the class.
        images: the number of images of the class.
        mean_iou: the mean overlap of their boxes.
        iou50: the share of them with an overlap of at least 0.5.
        recall: the share of them whose class is right.
        right: the share of them where both is so.
    """

    label: str
    images: int
    mean_iou: float | None
    iou50: float | None
    recall: float | None
    right: float | None


@dataclass(frozen=True)
class LocalizationFigures:
    """The figures of a model that answers one class and one box.

    The overlap (intersection over union, IoU) of a box with the true one is measured
    whatever the class.

    Attributes:
        mean_iou: the mean overlap; the interval is that of resampled images.
        iou50: the share of boxes with an overlap of at least 0.5.
        iou75: the same of at least 0.75.
        class_accuracy: the share of images whose class is right.
        right: the share of images whose class is right, with an overlap of at least
            0.5: the localization accuracy of ImageNet, Russakovsky et al., 2015,
            https://arxiv.org/abs/1409.0575.
        baseline_iou: the mean overlap of the mean box of these images, as fractions of
            their sides; None if the data does not tell the sides. A model that knows
            nothing of an image can hardly do better.
        baseline_iou50: the share of images in which that box overlaps by at least 0.5.
        classes: the figures of each class, in label order.
    """

    mean_iou: Accuracy
    iou50: Accuracy
    iou75: Accuracy
    class_accuracy: Accuracy
    right: Accuracy
    baseline_iou: float | None
    baseline_iou50: float | None
    classes: tuple[LocatedClass, ...]

    confusion: ClassVar = ()
    precision_by_recall: ClassVar = ()

    @property
    def headline(self) -> tuple[str, Accuracy]:
        """The figure that stands for all, as a key of `score.NAMES` and its value."""
        return MEAN_IOU, self.mean_iou

    @property
    def table(self) -> ClassTable:
        """The figures of each class."""
        columns = ("class", "images", "mean IoU", "IoU from 0.5", "recall", "both")
        rows = tuple(
            (row.label, row.images, row.mean_iou, row.iou50, row.recall, row.right)
            for row in self.classes
        )
        return ClassTable(columns, rows, "mean IoU")

    def lines(self, before: LocalizationFigures | None) -> list[str]:
        """Returns the other figures as lines of text; see `Figures.lines`."""
        lines = [
            f"mean IoU {self.mean_iou.sentence}",
            f"IoU of at least 0.5 in {self.iou50.sentence}",
            f"IoU of at least 0.75 in {self.iou75.sentence}",
            f"class accuracy {self.class_accuracy.sentence}",
            f"class right, and IoU of at least 0.5, in {self.right.sentence}",
        ]
        if self.baseline_iou is not None:
            lines.append(
                f"always the mean box of these images: mean IoU {self.baseline_iou:.1%}"
                f", at least 0.5 in {percent(self.baseline_iou50)}"
            )
        if before:
            lines.append(
                f"before fine-tuning mean IoU {before.mean_iou.sentence} "
                f"-> after {self.mean_iou.value:.1%}"
            )
        return lines


def measure_localization(
    class_names: Sequence[str],
    answers: Sequence[np.ndarray],
    objects: Sequence[Objects],
) -> tuple[LocalizationFigures, np.ndarray]:
    """Returns the figures, and which images are right, bool `(images,)`.

    Args:
        class_names: the names of the classes, in label order.
        answers: float `(1, 6)` for each image: left, top, right, bottom, score, class,
            in pixels of the image.
        objects: the one object that each image shows, in the same pixels.
    """
    rows = np.concatenate(answers)
    items = [item for each in objects for item in each.objects]
    labels = np.array([item.label for item in items])
    boxes = np.array([item.box for item in items])
    sides = np.array([[each.width, each.height] * 2 for each in objects])
    baseline = _baseline(boxes, sides) if sides.all() else None
    overlap = iou(rows[:, :4], boxes)
    named = rows[:, 5].astype(np.int64) == labels
    found = overlap >= FOUND
    right = named & found
    classes = tuple(
        LocatedClass(
            name,
            int(shown.sum()),
            *(
                float(values[shown].mean()) if shown.any() else None
                for values in (overlap, found, named, right)
            ),
        )
        for name, shown in zip(
            class_names, labels == np.arange(len(class_names))[:, None], strict=True
        )
    )
    figures = LocalizationFigures(
        mean_iou=mean_with_interval(overlap),
        iou50=_share(found),
        iou75=_share(overlap >= CLOSE),
        class_accuracy=_share(named),
        right=_share(right),
        baseline_iou=None if baseline is None else float(baseline.mean()),
        baseline_iou50=None if baseline is None else float((baseline >= FOUND).mean()),
        classes=classes,
    )
    return figures, right


def localization_scores(
    boxes: np.ndarray, true_boxes: np.ndarray, named: np.ndarray
) -> Mapping[str, float]:
    """Returns what selects the best epoch of training, by keys of `score.NAMES`.

    Args:
        boxes: float `(images, 4)`: the answers, in any unit.
        true_boxes: float `(images, 4)`: the boxes of the objects, in the same unit.
        named: bool `(images,)`: whether the class is right.
    """
    return {
        MEAN_IOU: round(float(iou(boxes, true_boxes).mean()), 6),
        CLASS_ACCURACY: round(float(named.mean()), 6),
    }


def _baseline(boxes: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Returns the overlap of each box with the mean box, as fractions of the sides."""
    mean = (boxes / sides).mean(axis=0)
    overlap: np.ndarray = iou(mean * sides, boxes)
    return overlap


def _share(right: np.ndarray) -> Accuracy:
    return wilson_interval(int(right.sum()), len(right))
