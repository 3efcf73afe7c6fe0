"""The figures of answers that are any number of classes, with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnnxfer.runs.summary import percent
from cnnxfer.tasks.class_intervals import several_label_intervals
from cnnxfer.tasks.class_scores import (
    ClassScores,
    class_table,
    mean_of_known,
    score_classes,
    top_k_accuracy,
    with_images,
)
from cnnxfer.tasks.class_table import ClassTable
from cnnxfer.tasks.score import ACCURACY
from cnnxfer.tasks.significance import Accuracy, wilson_interval


@dataclass(frozen=True)
class MultiLabelFigures:
    """The figures of a run's answers on images with any number of labels.

    Means over classes are those over the classes that have images, each with the same
    weight. The intervals of shares of images are Wilson's, the others those of
    resampled images.

    Attributes:
        exact: the share of images whose labels are all predicted, with no others.
        top1: the share of images whose most probable class is one of their labels.
        top5: the share of images with a label among the five most probable; None with
            five classes or fewer.
        macro_f1: the mean of the F1 scores of the classes.
        weighted_f1: the mean of them, each with the number of its images as its weight.
        micro_f1: the F1 score of all labels together.
        mean_average_precision: the mean of the average precisions of the classes (mAP).
        roc_auc: the mean of their areas under the ROC curve; None if no class has
            images with and without it.
        classes: the metrics of each class, in label order.
    """

    exact: Accuracy
    top1: Accuracy
    top5: Accuracy | None
    macro_f1: Accuracy
    weighted_f1: Accuracy
    micro_f1: Accuracy
    mean_average_precision: Accuracy
    roc_auc: float | None
    classes: tuple[ClassScores, ...]

    confusion: ClassVar = ()
    precision_by_recall: ClassVar = ()

    @property
    def right(self) -> Accuracy:
        """The share of images with all labels right, and no others."""
        return self.exact

    @property
    def headline(self) -> tuple[str, Accuracy]:
        """The share of right answers, which stands for all figures."""
        return ACCURACY, self.right

    @property
    def table(self) -> ClassTable:
        """The figures of each class, with its threshold."""
        return class_table(self.classes)

    def lines(self, before: MultiLabelFigures | None) -> list[str]:
        """Returns the other figures as lines of text; see `Figures.lines`."""
        auc = "" if self.roc_auc is None else f", mean ROC-AUC {percent(self.roc_auc)}"
        lines = [
            f"all labels right in {self.right.sentence}",
            f"macro-F1{with_images(self.classes)} {self.macro_f1.text}, weighted F1 "
            f"{self.weighted_f1.text}, micro-F1 {self.micro_f1.text}",
            f"mean average precision {self.mean_average_precision.text}{auc}",
        ]
        if before:
            lines.append(
                f"before fine-tuning {before.right.sentence} "
                f"-> after {self.right.value:.1%}"
            )
        return lines


def measure_labels(
    class_names: Sequence[str],
    probabilities: np.ndarray,
    answers: np.ndarray,
    targets: np.ndarray,
    thresholds: np.ndarray,
) -> tuple[MultiLabelFigures, np.ndarray]:
    """Returns the figures, and which images are right, bool `(images,)`.

    Args:
        class_names: the names of the classes, in label order.
        probabilities: float `(images, classes)`, at least one row.
        answers: bool `(images, classes)`: the classes that the model predicts.
        targets: bool `(images, classes)`: the classes that an image shows.
        thresholds: float `(classes,)`: the probability from which on it predicts each.
    """
    classes = score_classes(
        class_names, probabilities, answers, targets, thresholds.tolist()
    )
    macro, weighted, micro, precision = several_label_intervals(
        probabilities, answers, targets
    )
    right = (answers == targets).all(axis=1)
    figures = MultiLabelFigures(
        exact=wilson_interval(int(right.sum()), len(right)),
        top1=top_k_accuracy(probabilities, targets, 1),
        top5=top_k_accuracy(probabilities, targets, 5) if len(classes) > 5 else None,
        macro_f1=macro,
        weighted_f1=weighted,
        micro_f1=micro,
        mean_average_precision=precision,
        roc_auc=mean_of_known([row.roc_auc for row in classes]),
        classes=classes,
    )
    return figures, right
