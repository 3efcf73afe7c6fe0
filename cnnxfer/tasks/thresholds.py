"""Chooses the probability from which on an image is said to show a class."""

from __future__ import annotations

import math

import numpy as np

from cnnxfer.tasks.answer import DIGITS

DEFAULT_THRESHOLD = 0.5
SCALE = 10.0**DIGITS


def choose_thresholds(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns, for each class, the threshold with the highest F1 score.

    It lies halfway between two probabilities that occur. Of equally good thresholds,
    the one nearest to 0.5 is chosen.

    Args:
        probabilities: float64 `(images, classes)`.
        targets: `(images, classes)` of 1 and 0: the classes that an image shows.

    Returns:
        float64 `(classes,)` in [0, 1], with at most 6 decimal places. It
        is 0.5 for a class that no image shows, and for one where no threshold is better
        than to predict the class for every image.

    Source: Lipton et al., 2014, https://arxiv.org/abs/1402.1892: if probabilities are
    calibrated, the best threshold is half the best F1 score, and so at most 0.5; for a
    class that cannot be recognized, it is 0.
    """
    columns = zip(probabilities.round(DIGITS).T, targets.T.astype(bool), strict=True)
    return np.array([_choose(*column) for column in columns])


def _choose(probabilities: np.ndarray, shown: np.ndarray) -> float:
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    hits = np.cumsum(shown[order])
    f1 = 2 * hits / (np.arange(1, len(ranked) + 1) + hits[-1])
    # A threshold cannot separate equal probabilities.
    possible = np.flatnonzero(ranked[:-1] > ranked[1:])
    best = f1[possible].max(initial=f1[-1])  # the last predicts it for all images
    cuts = possible[(f1[possible] == best) & (best > f1[-1])]
    if not len(cuts):
        return DEFAULT_THRESHOLD
    between = (ranked[cuts] + ranked[cuts + 1]) / 2
    threshold = float(between[np.abs(between - DEFAULT_THRESHOLD).argmin()])
    # Rounding down could give the lower of the two probabilities.
    return math.ceil(round(threshold * SCALE, 1)) / SCALE
