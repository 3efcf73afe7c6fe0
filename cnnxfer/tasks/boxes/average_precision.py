"""The average precision of a detector, also over images that are drawn repeatedly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cnnxfer.tasks.boxes.matches import LIMITS, Matches

RECALLS = np.linspace(0, 1, 101)  # where COCO reads the precision


def average_precisions(matches: Matches, times: np.ndarray | None = None) -> np.ndarray:
    """Returns the average precision of each class at each overlap.

    It is the mean, over recalls of 0, 0.01 ... 1, of the highest precision that is
    reached with at least this recall, as COCO computes it.

    Args:
        matches: the matched answers.
        times: int `(resamples, images)`: how often each image counts; None for one
            resample in which each counts once.

    Returns:
        float64 `(resamples, classes, limits)`; NaN for classes without objects.
    """
    images, classes = matches.objects.shape
    if times is None:
        times = np.ones((1, images), np.int32)
    result = np.full((len(times), classes, len(LIMITS)), np.nan)
    for label in range(classes):
        of_class = matches.of_class(label)
        objects = times @ of_class.objects[:, 0]
        drawn = times[:, of_class.images]  # (resamples, answers)
        answered = np.cumsum(drawn, axis=1)
        for limit in range(len(LIMITS)):
            right, ignored = of_class.right[:, limit], of_class.ignored[:, limit]
            counted = answered
            if ignored.any():
                counted = np.cumsum(drawn * ~ignored, axis=1)
            # Precision is highest at answers that are right, so these are enough.
            result[:, label, limit] = _interpolated(
                np.cumsum(drawn[:, right], axis=1), counted[:, right], objects
            )
    return result


def _interpolated(
    right: np.ndarray, answered: np.ndarray, objects: np.ndarray
) -> np.ndarray:
    """Returns the average precision of each resample, NaN without objects.

    Args:
        right: int `(resamples, right answers)`: how many right answers there are up to
            each of them.
        answered: the same of all answers.
        objects: int `(resamples,)`.
    """
    resamples, count = right.shape
    precision = np.zeros((resamples, count + 1))  # no recall beyond the last: 0
    precision[:, :-1] = right / np.maximum(answered, 1)
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    needed = np.stack([_needed(number) for number in objects.tolist()])
    # One search in all rows, each raised above the one before.
    raised = (objects.max() + 1) * np.arange(resamples)[:, None]
    places = np.searchsorted((right + raised).ravel(), (needed + raised).ravel())
    places = places.reshape(needed.shape) - count * np.arange(resamples)[:, None]
    averages = np.take_along_axis(highest, places, axis=1).mean(axis=1)
    return np.where(objects > 0, averages, np.nan)


@lru_cache(maxsize=4096)
def _needed(objects: int) -> np.ndarray:
    """Returns how many objects have to be found for each recall, int `(recalls,)`."""
    return np.searchsorted(np.arange(objects + 1) / max(objects, 1), RECALLS)
