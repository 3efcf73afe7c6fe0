"""F1 scores and average precisions of classes, and their mean."""

from __future__ import annotations

import numpy as np


def f1_scores(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the F1 score of each class; 0 for one that is never recognized.

    Args:
        answers: bool `(images, classes)`: the classes that the model predicts.
        targets: `(images, classes)` of 1 and 0: the classes that an image shows.

    Returns:
        float64 `(classes,)`; NaN for classes that no image shows.
    """
    predicted = answers.astype(bool)
    shown = targets.astype(bool)
    hits = (predicted & shown).sum(axis=0)
    total = predicted.sum(axis=0) + shown.sum(axis=0)
    return np.where(shown.any(axis=0), 2 * hits / np.maximum(total, 1), np.nan)


def average_precisions(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the average precision of each class, which needs no threshold.

    It is the mean, over the images that show the class, of the precision among all
    images that score at least as high.

    Args:
        scores: `(images, classes)`: probabilities or logits.
        targets: `(images, classes)` of 1 and 0: the classes that an image shows.

    Returns:
        float64 `(classes,)`; NaN for classes that no image shows.
    """
    columns = zip(scores.T, targets.T.astype(bool), strict=True)
    return np.array([_average_precision(*column) for column in columns])


def _average_precision(scores: np.ndarray, shown: np.ndarray) -> float:
    if not shown.any():
        return float("nan")
    ascending, ascending_shown = np.sort(scores), np.sort(scores[shown])
    # Images with equal scores are above a threshold together.
    found = len(scores) - np.searchsorted(ascending, ascending_shown)
    hits = len(ascending_shown) - np.searchsorted(ascending_shown, ascending_shown)
    return float(np.mean(hits / found))


def macro(values: np.ndarray) -> float:
    """Returns the mean of the values that are not NaN; 0 if there are none."""
    shown = values[~np.isnan(values)]
    return float(shown.mean()) if len(shown) else 0.0
