"""The figures of answers that are one class each, with confidence intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnnxfer.runs.summary import percent
from cnnxfer.tasks.class_intervals import one_label_intervals
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
from cnnxfer.tasks.significance import Accuracy, MeanLoss

SHOWN = 3  # confusions that are told


@dataclass(frozen=True)
class Confusion:
    """A class that is taken for another one.

    Attributes:
        label: the name of the class that images show.
        answer: the name of the class that is predicted for them.
        images: the number of these images, at least 1.
    """

    label: str
    answer: str
    images: int


@dataclass(frozen=True)
class ClassFigures:
    """The figures of a run's answers on images with one label each.

    Means over classes are those over the classes that have images, each with the same
    weight. The intervals of top-1 and top-5 are Wilson's, the others those of resampled
    images.

    Attributes:
        top1: the share of images whose most probable class is correct.
        top5: the share of images with a correct class among the five most probable;
            None with five classes or fewer.
        balanced_accuracy: the mean recall of the classes.
        macro_f1: the mean of the F1 scores of the classes.
        weighted_f1: the mean of them, each with the number of its images as its weight.
        log_loss: the mean of the negative logarithms of the probabilities of the right
            classes, in nats.
        calibration_error: how far the probability of the answer is from the share that
            is right; see `expected_calibration_error`.
        roc_auc: the mean of the classes' areas under the ROC curve, each against the
            rest; None if no class has images of both kinds.
        mean_average_precision: the mean of their average precisions, likewise.
        classes: the metrics of each class, in label order.
        confusions: the confusion matrix but for its diagonal, which is `correct` of
            the classes, and its zeros; the most frequent first.
    """

    top1: Accuracy
    top5: Accuracy | None
    balanced_accuracy: Accuracy
    macro_f1: Accuracy
    weighted_f1: Accuracy
    log_loss: MeanLoss
    calibration_error: Accuracy
    roc_auc: float | None
    mean_average_precision: float | None
    classes: tuple[ClassScores, ...]
    confusions: tuple[Confusion, ...]

    precision_by_recall: ClassVar = ()

    @property
    def right(self) -> Accuracy:
        """The share of images that are answered correctly."""
        return self.top1

    @property
    def headline(self) -> tuple[str, Accuracy]:
        """The share of right answers, which stands for all figures."""
        return ACCURACY, self.right

    @property
    def table(self) -> ClassTable:
        """The figures of each class."""
        return class_table(self.classes)

    @property
    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """How many images of a class, a row each, are answered as each, a column."""
        at = {row.label: number for number, row in enumerate(self.classes)}
        counts = np.diag([row.correct for row in self.classes])
        for each in self.confusions:
            counts[at[each.label], at[each.answer]] = each.images
        return tuple(tuple(row) for row in counts.tolist())

    def lines(self, before: ClassFigures | None) -> list[str]:
        """Returns the other figures as lines of text.

        Args:
            before: those of the parent on the same images; None without a parent.
        """
        lines = [f"top-1 accuracy {self.top1.sentence}"]
        if self.top5:
            lines.append(f"top-5 accuracy {self.top5.sentence}")
        lines += [
            f"macro-F1{with_images(self.classes)} {self.macro_f1.text}, weighted F1 "
            f"{self.weighted_f1.text}, balanced accuracy {self.balanced_accuracy.text}",
            f"log loss {self.log_loss.text}, expected calibration error "
            f"{self.calibration_error.text}",
        ]
        if self.roc_auc is not None:
            lines.append(
                f"each class against the rest: mean ROC-AUC {percent(self.roc_auc)}, "
                f"mean average precision {percent(self.mean_average_precision)}"
            )
        if self.confusions:
            most = [
                f"{each.label} for {each.answer} ({each.images:,})"
                for each in self.confusions[:SHOWN]
            ]
            lines.append(f"most often confused: {', '.join(most)}")
        if before:
            lines.append(
                f"before fine-tuning {before.top1.sentence} "
                f"-> after {self.top1.value:.1%}"
            )
        return lines


def measure_classes(
    class_names: Sequence[str], probabilities: np.ndarray, labels: np.ndarray
) -> tuple[ClassFigures, np.ndarray]:
    """Returns the figures, and which images are right, bool `(images,)`.

    Args:
        class_names: the names of the classes, in label order.
        probabilities: float `(images, classes)`, at least one row; rows sum to 1.
        labels: int `(images,)`: the class of each image.
    """
    answered = probabilities.argmax(axis=1)
    every = np.arange(len(class_names))
    targets = labels[:, None] == every
    classes = score_classes(
        class_names, probabilities, answered[:, None] == every, targets
    )
    macro, weighted, balanced, loss, error = one_label_intervals(probabilities, labels)
    figures = ClassFigures(
        top1=top_k_accuracy(probabilities, targets, 1),
        top5=top_k_accuracy(probabilities, targets, 5) if len(every) > 5 else None,
        balanced_accuracy=balanced,
        macro_f1=macro,
        weighted_f1=weighted,
        log_loss=MeanLoss(loss.value, loss.low, loss.high),
        calibration_error=error,
        roc_auc=mean_of_known([row.roc_auc for row in classes]),
        mean_average_precision=mean_of_known(
            [row.average_precision for row in classes]
        ),
        classes=classes,
        confusions=_confusions(class_names, labels, answered),
    )
    return figures, answered == labels


def _confusions(
    class_names: Sequence[str], labels: np.ndarray, answered: np.ndarray
) -> tuple[Confusion, ...]:
    wrong = answered != labels
    pairs = Counter(zip(labels[wrong].tolist(), answered[wrong].tolist(), strict=True))
    # Equally frequent ones in label order.
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Confusion(class_names[label], class_names[answer], images)
        for (label, answer), images in ordered
    )
