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
    """How one class did; all figures are fractions.

    Attributes:
        label: its name.
        images: how many are of it.
        correct: how many of them were recognized.
        named: how many images the model says are of it, rightly or not.
        recall: share of its images that were recognized; None without any.
        precision: share of what was named so that is of it; None if nothing was.
        f1: harmonic mean of the two; None without images.
        threshold: from which probability on an image is named so; None where the most
            probable class is named.
        average_precision: over all thresholds, where an image may have several
            classes; else, and without images, None.
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
    """What a model does on labelled images that it has not seen before.

    Attributes:
        run: name of the run.
        images: how many were measured.
        unreadable: how many could not be read and are left out.
        seen: how many are left out because the run was trained or validated on them.
        top1: share whose most probable class is right.
        top5: share with a right class among five; None with five classes or fewer.
        macro_f1: mean of the classes' F1, all alike, those without images left out.
        classes: figures by class, in label order.
        exact: share with all classes right and none too many, where an image may have
            several; else None, as the next two.
        micro_f1: F1 of all labels together, so that frequent classes count for more.
        mean_average_precision: of the classes that have images.
        before: of the run that fine-tuning began with, on the same images; None for
            a first phase.
        gained: how many images are answered right, with all their labels, that were
            not before; None for a first phase.
        lost: how many were answered right before and are not now, likewise.
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
