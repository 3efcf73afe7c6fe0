"""Figures of each class, and their mean."""

from collections.abc import Callable
from typing import Literal

import numpy as np

SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


def f1_scores(answers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the F1 score of each class; 0 for one that is never recognized.

    Args:
        answers: bool `(images, classes)`: the classes that the model predicts.
        targets: `(images, classes)` of 1 and 0: the classes that an image shows.

    Returns:
        float64 `(classes,)`; NaN for classes that no image shows.
    """
    shown = targets.astype(bool)
    right = np.count_nonzero(shown & answers, axis=0)
    either = np.count_nonzero(shown, axis=0) + np.count_nonzero(answers, axis=0)
    scores = 2 * right / np.maximum(either, 1)
    return np.where(shown.any(axis=0), scores, np.nan)


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
    columns = zip(targets.T.astype(bool), np.nan_to_num(scores).T, strict=True)
    once = np.ones((1, len(scores)), np.int64)
    return np.array(
        [
            resampled_average_precision(column, shown)(once)[0]
            for shown, column in columns
        ]
    )


def roc_aucs(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the area under the ROC curve of each class against the rest.

    It is the share of all pairs, of an image that shows the class and one that does
    not, in which the first scores higher; equal scores count half.

    Args:
        scores: `(images, classes)`: probabilities or logits.
        targets: `(images, classes)` of 1 and 0: the classes that an image shows.

    Returns:
        float64 `(classes,)`; NaN for classes that no image shows, or all images do.
    """
    columns = zip(targets.T.astype(bool), np.nan_to_num(scores).T, strict=True)
    return np.array([_roc_auc(column, shown) for shown, column in columns])


def _roc_auc(scores: np.ndarray, shown: np.ndarray) -> float:
    if shown.all() or not shown.any():
        return np.nan
    others, found = np.sort(scores[~shown]), scores[shown]
    below, not_above = (np.searchsorted(others, found, side) for side in SIDES)
    return float((below + not_above).mean() / (2 * len(others)))


def resampled_average_precision(
    scores: np.ndarray, shown: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function for the average precision of one class in resamples.

    It takes how often each image is drawn, int `(resamples, images)`, and returns
    float64 `(resamples,)`: NaN where no image that is drawn shows the class.

    Args:
        scores: `(images,)`: the probability of the class.
        shown: bool `(images,)`: whether each image shows it.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.flatnonzero(shown[order])
    if not len(hits):
        return lambda times: np.full(len(times), np.nan)
    # The precision is that among all images that score at least as high.
    last = len(ranked) - 1 - np.searchsorted(ranked[::-1], ranked[hits])
    last_hit = np.searchsorted(hits, last, side="right") - 1

    def statistic(times: np.ndarray) -> np.ndarray:
        drawn = times[:, order]
        drawn_hits = drawn[:, hits]
        found = drawn_hits.cumsum(axis=1)
        all_found = np.maximum(drawn.cumsum(axis=1)[:, last], 1)
        sums = (drawn_hits * found[:, last_hit] / all_found).sum(axis=1)
        total = found[:, -1]
        return np.where(total > 0, sums / np.maximum(total, 1), np.nan)

    return statistic


def macro(values: np.ndarray) -> float:
    """Returns the mean of the values that are not NaN; 0 if there are none."""
    shown = values[~np.isnan(values)]
    return float(shown.mean()) if len(shown) else 0.0


def row_means(values: np.ndarray) -> np.ndarray:
    """Returns the mean over all axes but the first, of values that are not NaN.

    Returns:
        float64 `(rows,)`; NaN where all values are.
    """
    rows = values.reshape(len(values), -1)
    known = ~np.isnan(rows)
    sums = np.where(known, rows, 0).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)
