"""From which probability on an image shows a class."""

from __future__ import annotations

import math

import numpy as np

from cnnxfer.runs import Run
from cnnxfer.tasks.digits import DIGITS
from cnnxfer.tasks.score import Score

UNKNOWN = 0.5
SCALE = 10.0**DIGITS


def choose_thresholds(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns for each class the threshold whose answers have the highest F1 score.

    It lies halfway between two probabilities that occur. Of several that do as well,
    it is the one nearest to 0.5.

    Args:
        probabilities: float64 `(images, classes)`.
        targets: what the images show, `(images, classes)` of 1 and 0.

    Returns:
        float64 `(classes,)` in [0, 1], of at most 6 digits; see `reaches`. It is
        0.5 for a class that no image shows, and where nothing is better than to say
        of every image that it shows the class.

    Source: Lipton et al., 2014, https://arxiv.org/abs/1402.1892: the best threshold is
    half the best F1 score, and so below 0.5, where probabilities are calibrated; and
    for what can't be told apart, it is 0.
    """
    columns = zip(probabilities.round(DIGITS).T, targets.T.astype(bool), strict=True)
    return np.array([_choose(*column) for column in columns])


def keep_thresholds(run: Run, score: Score) -> None:
    """Writes from where on the model of this score answers, if it has thresholds."""
    if score.thresholds:
        run.write_thresholds(dict(zip(run.class_names, score.thresholds, strict=True)))


def _choose(probabilities: np.ndarray, shown: np.ndarray) -> float:
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    hits = np.cumsum(shown[order])
    f1 = 2 * hits / (np.arange(1, len(ranked) + 1) + hits[-1])
    # Equal probabilities are answered alike.
    possible = np.flatnonzero(ranked[:-1] > ranked[1:])
    best = f1[possible].max(initial=f1[-1])  # the last is that of all images
    cuts = possible[(f1[possible] == best) & (best > f1[-1])]
    if not len(cuts):
        return UNKNOWN
    between = (ranked[cuts] + ranked[cuts + 1]) / 2
    threshold = float(between[np.abs(between - UNKNOWN).argmin()])
    # Rounded down, it might be the lower of the two.
    return math.ceil(round(threshold * SCALE, 1)) / SCALE
