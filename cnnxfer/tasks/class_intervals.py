"""Figures of all images where answers are classes, with intervals by resampling.

A sample in which all is right has only resamples in which all is right, but that says
little where it is small. So beside the images that are drawn, the resamples that F1
scores and recalls are taken from have some that were not there: on average two that
are answered rightly, and two that are not. That is what the interval of Agresti and
Coull adds to a share, 1998, https://doi.org/10.1080/00031305.1998.10480550.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnnxfer.tasks.bootstrap import (
    SEED,
    basic_interval,
    group_sums,
    percentile_interval,
    resampled,
)
from cnnxfer.tasks.calibration import BINS, bin_places
from cnnxfer.tasks.per_class import resampled_average_precision, row_means
from cnnxfer.tasks.significance import Accuracy

# What counts in place of 0, whose logarithm is infinite: float32 tells no less from 0
# in sums of 1. It is scikit-learn's as well.
LEAST_PROBABILITY = float(np.finfo(np.float32).eps)
UNSEEN = 2.0  # images of each kind that are added on average
POOL = 64  # different ones of each kind


def one_label_intervals(
    probabilities: np.ndarray, labels: np.ndarray
) -> tuple[Accuracy, Accuracy, Accuracy, Accuracy, Accuracy]:
    """Returns figures of images with one label each, with their intervals.

    Args:
        probabilities: float `(images, classes)`, at least one row and two columns; rows
            sum to 1.
        labels: int `(images,)`, the class of each image.

    Returns:
        Macro-F1, weighted F1, balanced accuracy, log loss in nats, and expected
        calibration error; see `ClassFigures`.
    """
    images, classes = probabilities.shape
    answered = probabilities.argmax(axis=1)
    right = answered == labels
    of_label = probabilities[np.arange(images), labels]
    losses = -np.log(of_label.clip(LEAST_PROBABILITY), dtype=np.float64)
    confidence = probabilities.max(axis=1).astype(np.float64)
    bins = bin_places(confidence, BINS)
    random = np.random.default_rng(SEED)
    some, others = labels[random.integers(images, size=(2, POOL))]
    wrong = (others + random.integers(1, classes, POOL)) % classes
    labels = np.concatenate([labels, some, others])
    answered = np.concatenate([answered, some, wrong])
    correct = labels == answered

    def statistic(times: np.ndarray) -> np.ndarray:
        drawn = times[:, :images]
        gaps = group_sums(drawn * (confidence - right), bins, BINS)
        return np.column_stack(
            [
                mean_shares(
                    group_sums(times * correct, labels, classes),
                    group_sums(times, answered, classes),
                    group_sums(times, labels, classes),
                ),
                drawn @ losses / images,
                np.abs(gaps).sum(axis=1) / images,
            ]
        )

    values = statistic(_each_once(images))[0].tolist()
    columns = _resampled_with_unseen(images, statistic).T
    *most, error = zip(values, columns, strict=True)
    macro, weighted, balanced, loss = (percentile_interval(*figure) for figure in most)
    return macro, weighted, balanced, loss, basic_interval(*error)


def several_label_intervals(
    probabilities: np.ndarray, answers: np.ndarray, targets: np.ndarray
) -> tuple[Accuracy, Accuracy, Accuracy, Accuracy]:
    """Returns figures of images with any number of labels, with their intervals.

    Args:
        probabilities: float `(images, classes)`, at least one row.
        answers: bool `(images, classes)`: the classes that the model predicts.
        targets: bool `(images, classes)`: the classes that an image shows.

    Returns:
        Macro-F1, weighted F1, micro-F1 and mean average precision; see
        `MultiLabelFigures`. They are 0 without any label.
    """
    images = len(targets)
    some, others, wrong = np.random.default_rng(SEED).integers(images, size=(3, POOL))
    rows = np.concatenate([np.arange(images), some, others])
    shown = np.concatenate([targets, answers[some], targets[wrong]])
    probabilities, answers = probabilities[rows], answers[rows]
    counted = [each.astype(np.float32) for each in (answers & shown, answers, shown)]

    precisions = list(map(resampled_average_precision, probabilities.T, shown.T))

    def statistic(times: np.ndarray) -> np.ndarray:
        drawn = times.astype(np.float32)
        correct, named, there = (drawn @ each for each in counted)
        macro, weighted, _ = mean_shares(correct, named, there).T
        both = np.maximum(named.sum(axis=1) + there.sum(axis=1), 1)
        by_class = np.column_stack([precision(times) for precision in precisions])
        mean = np.nan_to_num(row_means(by_class))
        return np.column_stack([macro, weighted, 2 * correct.sum(axis=1) / both, mean])

    values = statistic(_each_once(images))[0].tolist()
    columns = _resampled_with_unseen(images, statistic).T
    macro, weighted, micro, mean = map(percentile_interval, values, columns)
    return macro, weighted, micro, mean


def mean_shares(
    correct: np.ndarray, named: np.ndarray, shown: np.ndarray
) -> np.ndarray:
    """Returns means over the classes that images show.

    Args:
        correct: `(resamples, classes)`: the number of images of the class that are
            predicted as it.
        named: the number of all images that are.
        shown: the number of images of the class.

    Returns:
        float64 `(resamples, 3)`: the mean F1 score, the same weighted by `shown`, and
        the mean recall; 0 without any image.
    """
    known = shown > 0
    f1 = 2 * correct / np.maximum(shown + named, 1)
    recall = correct / np.maximum(shown, 1)
    classes = np.maximum(known.sum(axis=1), 1)
    return np.column_stack(
        [
            (f1 * known).sum(axis=1) / classes,
            (f1 * shown).sum(axis=1) / np.maximum(shown.sum(axis=1), 1),
            recall.sum(axis=1) / classes,
        ]
    )


def _each_once(images: int) -> np.ndarray:
    """Returns a resample with each image once, and none that was not there."""
    times = np.zeros((1, images + 2 * POOL), np.int32)
    times[:, :images] = 1
    return times


def _resampled_with_unseen(
    images: int, statistic: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Returns the figures of resamples with images that were not there.

    Args:
        images: the number of images.
        statistic: returns figures, given how often each image is drawn, and each of
            those that were not there: those that are answered rightly, then the others.
    """
    random = np.random.default_rng(SEED)

    def with_unseen(times: np.ndarray) -> np.ndarray:
        unseen = random.poisson(UNSEEN / POOL, (len(times), 2 * POOL))
        return statistic(np.column_stack([times, unseen]))

    return resampled(images, with_unseen)
