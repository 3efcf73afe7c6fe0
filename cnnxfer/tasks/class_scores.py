"""The figures of one class, where answers are classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnnxfer.tasks.class_table import ClassTable
from cnnxfer.tasks.per_class import average_precisions, f1_scores, roc_aucs
from cnnxfer.tasks.significance import Accuracy, wilson_interval


@dataclass(frozen=True)
class ClassScores:
    """The metrics of one class; shares are fractions.

    The last two need no threshold: they rank all images by the probability of the
    class, against the rest.

    Attributes:
        label: the name of the class.
        images: the number of images of the class.
        correct: how many of them the model predicts as the class.
        named: how many images the model predicts as the class, correctly or not.
        recall: `correct` as a share of `images`; None without images.
        precision: `correct` as a share of `named`; None if that is 0.
        f1: the harmonic mean of recall and precision; None without images.
        roc_auc: how often an image of the class is more probable than one that is not,
            the area under the ROC curve; None without images of both kinds.
        average_precision: the average precision over all thresholds; None without
            images.
        threshold: the probability from which on the class is predicted; None if the
            most probable class is predicted.
    """

    label: str
    images: int
    correct: int
    named: int
    recall: Accuracy | None
    precision: Accuracy | None
    f1: float | None
    roc_auc: float | None = None
    average_precision: float | None = None
    threshold: float | None = None


def score_classes(
    class_names: Sequence[str],
    probabilities: np.ndarray,
    answers: np.ndarray,
    targets: np.ndarray,
    thresholds: Sequence[float] | None = None,
) -> tuple[ClassScores, ...]:
    """Returns the metrics of each class.

    Args:
        class_names: the names of the classes, in label order.
        probabilities: float `(images, classes)`.
        answers: bool `(images, classes)`: the classes that the model predicts.
        targets: bool `(images, classes)`: the classes that an image shows.
        thresholds: the probability from which on each class is predicted; None if the
            most probable class is.
    """
    images, named = targets.sum(axis=0).tolist(), answers.sum(axis=0).tolist()
    correct = (answers & targets).sum(axis=0).tolist()
    f1 = f1_scores(answers, targets).tolist()
    aucs = roc_aucs(probabilities, targets).tolist()
    precisions = average_precisions(probabilities, targets).tolist()
    return tuple(
        ClassScores(
            label=name,
            images=images[label],
            correct=correct[label],
            named=named[label],
            recall=_share(correct[label], images[label]),
            precision=_share(correct[label], named[label]),
            f1=_known(f1[label]),
            roc_auc=_known(aucs[label]),
            average_precision=_known(precisions[label]),
            threshold=thresholds[label] if thresholds is not None else None,
        )
        for label, name in enumerate(class_names)
    )


def class_table(classes: Sequence[ClassScores]) -> ClassTable:
    """Returns the figures of each class as they are shown, with thresholds if any."""
    columns = ["class", "images", "recall", "precision", "F1", "ROC-AUC", "AP"]
    rows: list[tuple[str | int | float | Accuracy | None, ...]] = [
        (
            row.label,
            row.images,
            row.recall,
            row.precision,
            row.f1,
            row.roc_auc,
            row.average_precision,
        )
        for row in classes
    ]
    if any(row.threshold is not None for row in classes):
        columns.append("threshold")
        texts = (f"{row.threshold:.3f}" for row in classes)
        rows = [(*cells, text) for cells, text in zip(rows, texts, strict=True)]
    return ClassTable(tuple(columns), tuple(rows), "F1")


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


def mean_of_known(figures: Sequence[float | None]) -> float | None:
    """Returns the mean of the figures that are not None; None if there are none."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) / len(known) if known else None


def with_images(classes: Sequence[ClassScores]) -> str:
    """Returns over how many classes a mean is, as " of the 3 classes with images".

    It is "" where all classes have images.
    """
    measured = sum(row.images > 0 for row in classes)
    if measured == len(classes):
        return ""
    return (
        f" of the {'1 class' if measured == 1 else f'{measured} classes'} with images"
    )


def _share(part: int, whole: int) -> Accuracy | None:
    return wilson_interval(part, whole) if whole else None


def _known(value: float) -> float | None:
    """Returns the value, and None if it is NaN."""
    return None if math.isnan(value) else value
