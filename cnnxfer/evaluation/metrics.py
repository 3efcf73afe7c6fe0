"""The metrics of an evaluation, with confidence intervals where they are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnnxfer.evaluation.significance import (
    SIGNIFICANCE_LEVEL,
    Accuracy,
    mcnemar_p_value,
    wilson_interval,
)
from cnnxfer.reporting import counted
from cnnxfer.tasks.per_class import average_precisions, f1_scores


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
class Evaluation:
    """The metrics of a run's model on labelled images.

    Attributes:
        run: the name of the run.
        images: the number of images that were measured.
        unreadable: how many images could not be read and are left out.
        seen: how many are left out because the run was trained or validated on them.
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
        before: the evaluation of the parent on the same images; None without a parent.
        gained: how many images are classified correctly, with all labels, that the
            parent did not; None without a parent.
        lost: how many images only the parent classified correctly; None without one.
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
        """The share of images that are classified correctly, with all their labels."""
        return self.exact or self.top1

    @property
    def shares(self) -> str:
        """The shares before and after: `91.2% [88.5, 93.4] -> 94.1% [91.8, 95.8]`."""
        assert self.before
        return f"{self.before.right.text} -> {self.right.text}"

    @property
    def changes(self) -> str:
        """How many answers fine-tuning changed, and whether that is significant.

        For example "of 367 images, 14 became right and 5 wrong: could be chance".
        """
        gained, lost = self.gained, self.lost
        assert gained is not None
        assert lost is not None
        text = f"of {counted(self.images, 'image')}, "
        if not gained and not lost:
            return text + "none became right or wrong"
        significant = mcnemar_p_value(gained, lost) < SIGNIFICANCE_LEVEL
        verdict = "more than chance" if significant else "could be chance"
        return f"{text}{gained:,} became right and {lost:,} wrong: {verdict}"


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
    class_names: Sequence[str],
    probabilities: np.ndarray,
    answers: np.ndarray,
    targets: np.ndarray,
    thresholds: Sequence[float] | None,
) -> tuple[ClassScores, ...]:
    """Returns the metrics of each class, in label order.

    Args:
        class_names: the names of the classes, in label order.
        probabilities: float `(images, classes)`.
        answers: bool `(images, classes)`: the classes that the model predicts.
        targets: bool `(images, classes)`: the classes that an image shows.
        thresholds: float `(classes,)`; None if images have one label each.
    """
    images, named = targets.sum(axis=0).tolist(), answers.sum(axis=0).tolist()
    correct = (answers & targets).sum(axis=0).tolist()
    f1 = f1_scores(answers, targets).tolist()
    precisions = average_precisions(probabilities, targets).tolist()
    multi_label = thresholds is not None
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
            average_precision=_number(precisions[label]) if multi_label else None,
        )
        for label, name in enumerate(class_names)
    )


def _share(part: int, whole: int) -> Accuracy | None:
    return wilson_interval(part, whole) if whole else None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
