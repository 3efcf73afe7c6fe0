"""The figures of answers that are any number of boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cnnxfer.data.objects import Objects
from cnnxfer.reporting import counted
from cnnxfer.runs.summary import percent
from cnnxfer.tasks.bootstrap import bootstrap_intervals, resampled
from cnnxfer.tasks.boxes.average_precision import average_precisions
from cnnxfer.tasks.boxes.coco import coco_figures
from cnnxfer.tasks.boxes.confusion import confusion
from cnnxfer.tasks.boxes.matches import Matches, Truth, match
from cnnxfer.tasks.boxes.operating_point import (
    OperatingPoint,
    best_point,
    operating_point,
    precision_recall_curve,
    whole_images,
)
from cnnxfer.tasks.class_table import ClassTable
from cnnxfer.tasks.per_class import row_means
from cnnxfer.tasks.score import AP, AP50
from cnnxfer.tasks.significance import Accuracy, wilson_interval


@dataclass(frozen=True)
class DetectedClass:
    """The figures of one class; shares are fractions, and None without objects.

    Attributes:
        label: the name of the class.
        objects: the number of objects of the class, without crowds.
        ap: the average precision, the mean over overlaps of 0.50 to 0.95.
        ap50: the average precision at an overlap of 0.5.
        recall: the share of the objects that are found at the threshold.
        precision: the share of the answers at the threshold that are objects; None
            without answers.
    """

    label: str
    objects: int
    ap: float | None
    ap50: float | None
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class DetectionFigures:
    """The figures of a detector's answers on annotated images.

    Average precisions are those of COCO, over all answers however unsure. Intervals are
    those of resampled images; where classes have few objects, average precisions are
    too high on average, and the intervals reach down by a part of that only. The
    figures at a threshold, the curve and the confusion are at an overlap of 0.5, and
    the first two count objects of all classes together.

    Attributes:
        ap: the mean of the average precisions of all classes that have objects, at
            overlaps of 0.50, 0.55 ... 0.95; 0 if there are no objects at all.
        ap50: the average precision at an overlap of 0.5.
        ap75: the same at 0.75; this and the next ones are None without such objects.
        ap_small: `ap` of objects of fewer than 32 x 32 pixels.
        ap_medium: `ap` of objects in between.
        ap_large: `ap` of objects of more than 96 x 96 pixels.
        ar100: the share of objects that the 100 surest answers find, as a mean over the
            overlaps and classes.
        right: the share of images in which every object is found and nothing else, at
            the threshold.
        at_threshold: what the model's own threshold gives.
        best: what the threshold with the highest F1 on these images gives.
        objects: the number of objects, without crowds.
        objects_per_image: their mean number.
        classes: the figures of each class, in label order.
        curve: thresholds with their precision and recall, the highest first.
        confusion: how many objects of a class, a row each, are answered by each class,
            a column each. The last row are answers where there is no object, and the
            last column objects that are not found.
    """

    ap: Accuracy
    ap50: Accuracy
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar100: float | None
    right: Accuracy
    at_threshold: OperatingPoint
    best: OperatingPoint
    objects: int
    objects_per_image: float
    classes: tuple[DetectedClass, ...]
    curve: tuple[OperatingPoint, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def headline(self) -> tuple[str, Accuracy]:
        """The figure that stands for all, as a key of `score.NAMES` and its value."""
        return AP, self.ap

    @property
    def table(self) -> ClassTable:
        """The figures of each class."""
        columns = ("class", "objects", "AP", "AP50", "recall", "precision")
        rows = tuple(
            (row.label, row.objects, row.ap, row.ap50, row.recall, row.precision)
            for row in self.classes
        )
        return ClassTable(columns, rows, "AP")

    @property
    def precision_by_recall(self) -> tuple[tuple[float, float], ...]:
        """Recall and precision of the curve's thresholds, where both are known."""
        return tuple(
            (point.recall, point.precision)
            for point in self.curve
            if point.recall is not None and point.precision is not None
        )

    def lines(self, before: DetectionFigures | None) -> list[str]:
        """Returns the other figures as lines of text; see `Figures.lines`."""
        if not self.objects:
            return ["no object in these images, so there is no average precision"]
        lines = [
            f"AP {self.ap.sentence}; to find nothing has an AP of 0",
            f"AP50 {self.ap50.sentence}, AP75 {percent(self.ap75)}",
            f"AP of {self._sizes}; recall of the 100 surest {percent(self.ar100)}",
            f"threshold {_text(self.at_threshold)}",
            f"best threshold on these images {_text(self.best)}",
            f"images with every object found, and nothing else, {self.right.sentence}",
            f"{counted(self.objects, 'object')}, {self.objects_per_image:.1f} an image",
        ]
        if before:
            lines.append(
                f"before fine-tuning AP {before.ap.sentence} "
                f"-> after {self.ap.value:.1%}"
            )
        return lines

    @property
    def _sizes(self) -> str:
        """The average precisions of the sizes that there are."""
        sizes = {
            "small": self.ap_small,
            "medium": self.ap_medium,
            "large": self.ap_large,
        }
        there = {name: ap for name, ap in sizes.items() if ap is not None}
        return ", ".join(f"{name} objects {ap:.1%}" for name, ap in there.items())


def measure_detection(
    class_names: Sequence[str],
    answers: Sequence[np.ndarray],
    objects: Sequence[Objects],
    threshold: float,
) -> tuple[DetectionFigures, np.ndarray]:
    """Returns the figures, and which images are right, bool `(images,)`.

    Args:
        class_names: the names of the classes, in label order.
        answers: float `(answers, 6)` for each image: left, top, right, bottom, score,
            class, in pixels of the image. All that the network answers is needed, not
            only what reaches the threshold. Rows without a score above 0 are no
            answers.
        objects: what each image shows, in the same pixels.
        threshold: the score from which on the model counts an answer.
    """
    classes = len(class_names)
    truths = [Truth.of_objects(each) for each in objects]
    matches = match(answers, truths, classes)
    coco = coco_figures(answers, truths, classes)
    right = whole_images(matches, threshold)
    shown = matches.objects.sum(axis=0)
    points = [
        operating_point(matches.of_class(label), threshold) for label in range(classes)
    ]
    ap, ap50 = _intervals(matches, coco.ap or 0.0, coco.ap50 or 0.0)
    figures = DetectionFigures(
        ap=ap,
        ap50=ap50,
        ap75=coco.ap75,
        ap_small=coco.ap_small,
        ap_medium=coco.ap_medium,
        ap_large=coco.ap_large,
        ar100=coco.ar100,
        right=wilson_interval(int(right.sum()), len(right)),
        at_threshold=operating_point(matches, threshold),
        best=best_point(matches),
        objects=int(shown.sum()),
        objects_per_image=float(shown.sum() / len(right)),
        classes=tuple(
            DetectedClass(
                name,
                int(shown[label]),
                coco.class_ap[label],
                coco.class_ap50[label],
                point.recall,
                point.precision,
            )
            for label, (name, point) in enumerate(zip(class_names, points, strict=True))
        ),
        curve=precision_recall_curve(matches),
        confusion=tuple(
            tuple(row)
            for row in confusion(answers, truths, classes, threshold).tolist()
        ),
    )
    return figures, right


def detection_scores(
    class_names: Sequence[str], answers: Sequence[np.ndarray], targets: np.ndarray
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Returns what selects the best epoch of training, and the thresholds to keep.

    Args:
        class_names: the names of the classes, in label order.
        answers: float `(answers, 6)` for each image, in pixels of the view.
        targets: float `(images, objects, 5)`: class, left, top, right, bottom, with a
            class of -1 in unused rows, and of -2 for crowds.

    Returns:
        AP and AP50 by keys of `score.NAMES`, and by the names of the classes the
        threshold with the highest F1, which is one for all: a rare class has too few
        validation images for its own.
    """
    truths = [Truth.of_targets(rows) for rows in targets]
    matches = match(answers, truths, len(class_names))
    precisions = average_precisions(matches)
    figures = {
        AP: _rounded(row_means(precisions)),
        AP50: _rounded(row_means(precisions[..., :1])),
    }
    return figures, dict.fromkeys(class_names, best_point(matches).threshold)


def _rounded(figures: np.ndarray) -> float:
    return round(float(np.nan_to_num(figures[0])), 6)


def resampled_ap(matches: Matches) -> np.ndarray:
    """Returns the AP of resamples of the images, `(resamples,)`; NaN without objects.

    See `bootstrap.resamples`.
    """
    return resampled(
        len(matches.objects),
        lambda times: row_means(average_precisions(matches, times)),
    )


def _intervals(matches: Matches, ap: float, ap50: float) -> list[Accuracy]:
    """Returns both figures with their intervals."""

    def statistic(times: np.ndarray) -> np.ndarray:
        precisions = average_precisions(matches, times)
        means = row_means(precisions), row_means(precisions[..., :1])
        return np.stack(means, axis=1)

    return bootstrap_intervals([ap, ap50], len(matches.objects), statistic)


def _text(point: OperatingPoint) -> str:
    return (
        f"{point.threshold:.3f}: precision {percent(point.precision) or '-'}, recall "
        f"{percent(point.recall)}, F1 {percent(point.f1)}"
    )
