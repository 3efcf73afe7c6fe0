"""Which score an answer needs, and what precision and recall follow from that.

All classes count together, at an overlap of 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnxfer.tasks.answer import DIGITS
from cnnxfer.tasks.boxes.answer import LEAST_SCORE
from cnnxfer.tasks.boxes.matches import Matches


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold gives; shares are fractions in [0, 1].

    Attributes:
        threshold: the score from which on an answer counts.
        precision: the share of these answers that are objects; None without answers.
        recall: the share of objects that are found by these answers; None without
            objects.
        f1: the harmonic mean of precision and recall; None without objects.
    """

    threshold: float
    precision: float | None
    recall: float | None
    f1: float | None


def operating_point(matches: Matches, threshold: float) -> OperatingPoint:
    """Returns what a threshold gives."""
    sure = matches.only(matches.scores >= threshold)
    right = int(sure.right[:, 0].sum())
    answers = int((~sure.ignored[:, 0]).sum())
    return _point(threshold, right, answers, int(matches.objects.sum()))


def best_point(matches: Matches) -> OperatingPoint:
    """Returns the point with the highest F1; of several, that of the surest answers.

    Where no answer is right, it is that of the usual threshold.
    """
    thresholds, right, answers = _cuts(matches)
    objects = int(matches.objects.sum())
    if not right.any():
        return operating_point(matches, LEAST_SCORE)
    best = int((right / (answers + objects)).argmax())
    return _point(
        float(thresholds[best]), int(right[best]), int(answers[best]), objects
    )


def precision_recall_curve(matches: Matches) -> tuple[OperatingPoint, ...]:
    """Returns the points of the curve, the highest threshold first.

    Among them is the first that reaches each recall of 0.01, 0.02 ... 1, and no other.
    """
    thresholds, right, answers = _cuts(matches)
    objects = int(matches.objects.sum())
    hundredths = 100 * right // max(objects, 1)
    first = np.flatnonzero(np.diff(hundredths, prepend=0) > 0)
    return tuple(
        _point(float(thresholds[at]), int(right[at]), int(answers[at]), objects)
        for at in first
    )


def _cuts(matches: Matches) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns all thresholds that differ, the right answers from each on, and all.

    A threshold lies halfway between two scores.
    """
    counted = matches.only(~matches.ignored[:, 0])
    scores = np.append(counted.scores, 0)
    last = np.flatnonzero(scores[:-1] > scores[1:])
    between = (scores[last] + scores[last + 1]) / 2
    # Rounding down could give the lower of the two scores.
    thresholds = np.ceil(between * 10**DIGITS) / 10**DIGITS
    return thresholds, np.cumsum(counted.right[:, 0])[last], last + 1


def _point(threshold: float, right: int, answers: int, objects: int) -> OperatingPoint:
    return OperatingPoint(
        threshold,
        right / answers if answers else None,
        right / objects if objects else None,
        2 * right / (answers + objects) if objects else None,
    )


def whole_images(matches: Matches, threshold: float) -> np.ndarray:
    """Returns in which images every object is found, and nothing else.

    Args:
        matches: the matched answers.
        threshold: the score from which on an answer counts.

    Returns:
        bool `(images,)`; an image that shows nothing is right if nothing is found.
    """
    found, wrong, objects = _counts_of_images(matches, threshold)
    whole: np.ndarray = (found == objects) & (wrong == 0)
    return whole


def image_f1(matches: Matches, threshold: float) -> np.ndarray:
    """Returns the F1 of the objects in each image, float64 `(images,)`.

    Args:
        matches: the matched answers.
        threshold: the score from which on an answer counts.
    """
    found, wrong, objects = _counts_of_images(matches, threshold)
    total = found + wrong + objects
    return np.where(total > 0, 2 * found / np.maximum(total, 1), 1.0)


def _counts_of_images(
    matches: Matches, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns how many objects are found in each image, wrong answers, and objects."""
    sure = matches.only(matches.scores >= threshold)
    right, ignored = sure.right[:, 0], sure.ignored[:, 0]
    images = len(matches.objects)
    found = np.bincount(sure.images[right], minlength=images)
    wrong = np.bincount(sure.images[~right & ~ignored], minlength=images)
    return found, wrong, matches.objects.sum(axis=1)
