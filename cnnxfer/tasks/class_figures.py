"""The figures of answers that are classes, with confidence intervals where known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnnxfer.tasks.class_table import ClassTable
from cnnxfer.tasks.per_class import f1_scores
from cnnxfer.tasks.score import ACCURACY
from cnnxfer.tasks.significance import Accuracy, wilson_interval


@dataclass(frozen=True)
class ClassScores:
    """The metrics of one class; shares are fractions.

    Attributes:
        label: the name of the class.
        images: the number of images of the class.
        correct: how many of them the model predicts as the class.
        named: how many images the model predicts as the class, correctly or not.
        recall: `correct` as a share of `images`; None without images.
        precision: `correct` as a share of `named`; None if that is 0.
        f1: the harmonic mean of recall and precision; None without images.
        threshold: the probability from which on the class is predicted; None if the
            most probable class is predicted.
        average_precision: the average precision over all thresholds; None without
            images, or if images have one label each.
    """

    label: str
    images: int
    correct: int
    named: int
    recall: Accuracy | None
    precision: Accuracy | None
    f1: float | None
    threshold: float | None = None
    average_precision: float | None = None


@dataclass(frozen=True)
class ClassFigures:
    """The figures of a run's answers on labelled images.

    Attributes:
        top1: the share of images whose most probable class is correct.
        top5: the share of images with a correct class among the five most probable;
            None with five classes or fewer.
        macro_f1: the unweighted mean of the F1 scores of classes that have images.
        classes: the metrics of each class, in label order.
        exact: the share of images whose labels are all predicted, with no others; None
            if images have one label each.
        micro_f1: the F1 score of all labels together, in which frequent classes have
            more weight; None if images have one label each.
        mean_average_precision: the mean over the classes that have images; None if
            images have one label each.
    """

    top1: Accuracy
    top5: Accuracy | None
    macro_f1: float
    classes: tuple[ClassScores, ...]
    exact: Accuracy | None = None
    micro_f1: float | None = None
    mean_average_precision: float | None = None

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
        rows = tuple(
            (row.label, row.images, row.recall, row.precision, row.f1)
            for row in self.classes
        )
        return ClassTable(("class", "images", "recall", "precision", "F1"), rows, "F1")

    def lines(self, before: ClassFigures | None) -> list[str]:
        """Returns the other figures as lines of text.

        Args:
            before: those of the parent on the same images; None without a parent.
        """
        lines = [f"top-1 accuracy {self.top1.sentence}"]
        if self.top5:
            lines.append(f"top-5 accuracy {self.top5.sentence}")
        lines.append(self.macro_text)
        if before:
            lines.append(
                f"before fine-tuning {before.top1.sentence} "
                f"-> after {self.top1.value:.1%}"
            )
        return lines

    @property
    def macro_text(self) -> str:
        """The macro-F1, and over how many classes, if not all have images."""
        measured = sum(row.images > 0 for row in self.classes)
        classes = "1 class" if measured == 1 else f"{measured} classes"
        of = f" of the {classes} with images" * (measured < len(self.classes))
        return f"macro-F1{of} {self.macro_f1:.1%}"


def measure_classes(
    class_names: Sequence[str],
    probabilities: np.ndarray,
    answers: np.ndarray,
    targets: np.ndarray,
) -> tuple[ClassFigures, np.ndarray]:
    """Returns the figures, and which images are right, bool `(images,)`.

    Args:
        class_names: the names of the classes, in label order.
        probabilities: float `(images, classes)`.
        answers: bool `(images, classes)`: the classes that the model predicts.
        targets: bool `(images, classes)`: the classes that an image shows.
    """
    classes = score_classes(class_names, answers, targets)
    top5 = top_k_accuracy(probabilities, targets, 5) if len(class_names) > 5 else None
    figures = ClassFigures(
        top_k_accuracy(probabilities, targets, 1),
        top5,
        mean_of_known([row.f1 for row in classes]),
        classes,
    )
    return figures, (answers == targets).all(axis=1)


def top_k_accuracy(probabilities: np.ndarray, targets: np.ndarray, k: int) -> Accuracy:
    """Returns the share of images with a correct class among the `k` most probable.

    Args:
        probabilities: float `(images, classes)`.
        targets: bool `(images, classes)`: the classes that an image shows.
        k: the number of classes, at least 1.
    """
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    correct = int(np.take_along_axis(targets, best, axis=1).any(axis=1).sum())
    return wilson_interval(correct, len(targets))


def score_classes(
    class_names: Sequence[str], answers: np.ndarray, targets: np.ndarray
) -> tuple[ClassScores, ...]:
    """Returns the metrics of each class; the arguments are those above."""
    images, named = targets.sum(axis=0).tolist(), answers.sum(axis=0).tolist()
    correct = (answers & targets).sum(axis=0).tolist()
    f1 = f1_scores(answers, targets).tolist()
    return tuple(
        ClassScores(
            label=name,
            images=images[label],
            correct=correct[label],
            named=named[label],
            recall=_share(correct[label], images[label]),
            precision=_share(correct[label], named[label]),
            f1=number(f1[label]),
        )
        for label, name in enumerate(class_names)
    )


def _share(part: int, whole: int) -> Accuracy | None:
    return wilson_interval(part, whole) if whole else None


def number(value: float) -> float | None:
    """Returns the value, and None if it is NaN."""
    return None if math.isnan(value) else float(value)


def mean_of_known(figures: Sequence[float | None]) -> float:
    """Returns the mean of the figures that are not None; 0 if there are none."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) / len(known) if known else 0.0
