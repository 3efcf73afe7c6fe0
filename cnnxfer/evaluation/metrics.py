"""Figures of merit, each with what chance could have done to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassCount:
    """How one class did: images of it, and how many were recognized."""

    label: str
    images: int
    correct: int


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers, with its 95% confidence interval.

    Attributes:
        value: a fraction.
        low: lower end of the interval.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """What a model does on labelled images that it was not trained on.

    Attributes:
        run: name of the run.
        images: how many were measured.
        unreadable: how many could not be read and are left out.
        top1: share whose first class is right.
        top5: share with the right class among five; None with five classes or fewer.
        classes: the same by class, in label order.
        before: of the run that fine-tuning began with, on the same images; None for
            a first phase.
    """

    run: str
    images: int
    unreadable: int
    top1: Accuracy
    top5: Accuracy | None
    classes: tuple[ClassCount, ...]
    before: Accuracy | None = None


def top_k_accuracy(probabilities: np.ndarray, labels: np.ndarray, k: int) -> Accuracy:
    """Returns how often the right class is among the `k` most probable.

    Args:
        probabilities: `(images, classes)`.
        labels: int `(images,)`, in [0, classes).
        k: at least 1.
    """
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    correct = int((best == labels[:, None]).any(axis=1).sum())
    return wilson_interval(correct, len(labels))


def wilson_interval(correct: int, images: int) -> Accuracy:
    """Returns a share of right answers with its 95% confidence interval.

    Source: Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    z = 1.959964
    share = correct / images
    middle = share + z * z / (2 * images)
    spread = z * math.sqrt(share * (1 - share) / images + z * z / (4 * images**2))
    scale = 1 + z * z / images
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return Accuracy(share, max(0.0, low), min(1.0, high))
