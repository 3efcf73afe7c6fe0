"""Figures of merit, each with what chance could have done to it where that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnnxfer.evaluation.significance import (
    LEVEL,
    Accuracy,
    pair_chance,
    wilson_interval,
)
from cnnxfer.reporting import counted
from cnnxfer.tasks.per_class import average_precisions, f1_scores


@dataclass(frozen=True)
class ClassScores:
    """The figures of one class; shares are fractions.

    Attributes:
        label: name of the class.
        images: number of its images.
        correct: number of its images that were recognized.
        named: number of images that the model says are of the class, rightly or not.
        recall: share of its images that were recognized; None if it has no images.
        precision: share of the images named so that are of the class; None if no image
            was named so.
        f1: harmonic mean of recall and precision; None if it has no images.
        threshold: probability from which on an image is named so; None where the most
            probable class is named.
        average_precision: mean precision over all thresholds, where an image may have
            several classes; None otherwise, or if the class has no images.
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
class Evaluation:
    """How a model answers labelled images that it has not seen before.

    Attributes:
        run: name of the run.
        images: number of images that were measured.
        unreadable: number of images that could not be read and are left out.
        seen: number of images that are left out because the run was trained or
            validated on them.
        top1: share of images whose most probable class is right.
        top5: share of images with a right class among the five most probable; None
            with five classes or fewer.
        macro_f1: mean F1 of the classes that have images, each counting alike.
        classes: the figures of each class, in label order.
        exact: share of images with all classes right and none too many, where an image
            may have several classes; None otherwise.
        micro_f1: F1 of all labels together, so that frequent classes count for more,
            where an image may have several classes; None otherwise.
        mean_average_precision: mean average precision of the classes that have images,
            where an image may have several classes; None otherwise.
        before: the figures of the run that was fine-tuned, on the same images; None
            for a frozen phase.
        gained: number of images that are answered right, with all their labels, and
            were not before fine-tuning; None for a frozen phase.
        lost: number of images that were answered right before fine-tuning and are not
            now; None for a frozen phase.
    """

    run: str
    images: int
    unreadable: int
    seen: int
    top1: Accuracy
    top5: Accuracy | None
    macro_f1: float
    classes: tuple[ClassScores, ...]
    exact: Accuracy | None = None
    micro_f1: float | None = None
    mean_average_precision: float | None = None
    before: Evaluation | None = None
    gained: int | None = None
    lost: int | None = None

    @property
    def right(self) -> Accuracy:
        """Share of the images that are answered right, with all their labels."""
        return self.exact or self.top1

    @property
    def shares(self) -> str:
        """Before and after fine-tuning: `91.2% [88.5, 93.4] -> 94.1% [91.8, 95.8]`."""
        assert self.before
        return f"{self.before.right.text} -> {self.right.text}"

    @property
    def changes(self) -> str:
        """How many answers fine-tuning changed, and whether chance would do that.

        Such as "of 367 images, 14 became right and 5 wrong: could be chance".
        """
        gained, lost = self.gained, self.lost
        assert gained is not None
        assert lost is not None
        text = f"of {counted(self.images, 'image')}, "
        if not gained and not lost:
            return text + "none became right or wrong"
        more = pair_chance(gained, lost) < LEVEL
        verdict = "more than chance" if more else "could be chance"
        return f"{text}{gained:,} became right and {lost:,} wrong: {verdict}"


def top_k_accuracy(probabilities: np.ndarray, targets: np.ndarray, k: int) -> Accuracy:
    """Returns how often a right class is among the `k` most probable.

    Args:
        probabilities: `(images, classes)`.
        targets: bool of the same shape: which classes are right.
        k: at least 1.
    """
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    correct = int(np.take_along_axis(targets, best, axis=1).any(axis=1).sum())
    return wilson_interval(correct, len(targets))


def score_classes(
    class_names: Sequence[str],
    probabilities: np.ndarray,
    answers: np.ndarray,
    targets: np.ndarray,
    thresholds: np.ndarray | None,
) -> tuple[ClassScores, ...]:
    """Returns how each class did.

    Args:
        class_names: in label order.
        probabilities: `(images, classes)`.
        answers: bool of the same shape: which classes the model names.
        targets: bool of the same shape: which are right.
        thresholds: `(classes,)`, where an image may have several; else None.
    """
    images, named = targets.sum(axis=0).tolist(), answers.sum(axis=0).tolist()
    correct = (answers & targets).sum(axis=0).tolist()
    f1 = f1_scores(answers, targets).tolist()
    precisions = average_precisions(probabilities, targets).tolist()
    several = thresholds is not None
    return tuple(
        ClassScores(
            label=name,
            images=images[label],
            correct=correct[label],
            named=named[label],
            recall=_share(correct[label], images[label]),
            precision=_share(correct[label], named[label]),
            f1=_number(f1[label]),
            threshold=None if thresholds is None else float(thresholds[label]),
            average_precision=_number(precisions[label]) if several else None,
        )
        for label, name in enumerate(class_names)
    )


def micro_f1(answers: np.ndarray, targets: np.ndarray) -> float:
    """Returns the F1 score of all labels together; 0 if there are none.

    Args:
        answers: bool `(images, classes)`: which classes the model names.
        targets: bool of the same shape: which are right.
    """
    total = int(answers.sum() + targets.sum())
    return 2 * int((answers & targets).sum()) / total if total else 0.0


def _share(part: int, whole: int) -> Accuracy | None:
    return wilson_interval(part, whole) if whole else None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
