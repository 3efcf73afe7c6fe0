"""Probabilities of all images from heads that have not learned from them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

FOLDS = 5
# The weight of the squared weights beside the mean loss of an image. Chosen on planted
# errors in tf_flowers and 12 kinds of Oxford's flowers with EfficientNet-Lite0: with a
# third of it or three times as much, one to four in a hundred fewer are found.
WEIGHT_DECAY = 0.3
TOLERANCE = 1e-3  # of the gradient; answers differ by less than a thousandth


def out_of_sample_probabilities(
    features: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[Sequence[int]],
    reporter: Reporter,
) -> np.ndarray:
    """Returns what linear heads answer that were trained on the other images.

    The images are divided into five folds. Those of a fold are answered by a logistic
    regression on the features of the other four.

    Args:
        features: float32 `(images, channels)`, at least two images.
        labels: int `(images,)`, if each image has one label; else bool `(images,
            classes)`: the classes that each image shows.
        groups: images that stay in one fold, such as near-duplicates; an image in none
            of them is on its own.
        reporter: shows the progress.

    Returns:
        float64 `(images, classes)`; NaN for a class that the other folds don't have,
        and where all of them have it.

    Raises:
        DataError: if the images are too few, or all in one group.
    """
    folds = _folds(labels, groups)
    count = int(labels.max()) + 1 if labels.ndim == 1 else labels.shape[1]
    probabilities = np.full((len(labels), count), np.nan)
    scaled = _scaled(features)
    used = np.unique(folds)
    if len(used) < 2:
        raise DataError(
            f"{len(labels)} images that belong together cannot be held out of each "
            "other. Add images."
        )
    with reporter.progress("heads of all images but a fifth", len(used)) as advance:
        for fold in used:
            held_out = folds == fold
            classes, found = _answers(
                scaled[~held_out], labels[~held_out], scaled[held_out]
            )
            probabilities[np.ix_(held_out, classes)] = found
            advance()
    return probabilities


def _folds(labels: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Returns the number of each image's fold; each class is dealt to all in turn."""
    units = np.arange(len(labels))
    for group in groups:
        units[list(group)] = min(group)
    firsts, unit_of = np.unique(units, return_inverse=True)
    _, kinds = np.unique(labels, axis=0, return_inverse=True)
    folds = np.empty(len(firsts), int)
    folds[np.argsort(kinds[firsts], kind="stable")] = np.arange(len(firsts)) % FOLDS
    of_images: np.ndarray = folds[unit_of]
    return of_images


def _scaled(features: np.ndarray) -> np.ndarray:
    """Returns features of unit length, then of zero mean and unit scale."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: np.ndarray = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    scaled -= scaled.mean(axis=0)
    scaled /= np.sqrt(np.mean(np.square(scaled))) or 1
    return scaled


def _answers(
    known: np.ndarray, labels: np.ndarray, asked: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns which classes a head has learned, and its probabilities of them."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    head = LogisticRegression(C=1 / (WEIGHT_DECAY * len(known)), tol=TOLERANCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if labels.ndim == 1:
            classes = np.unique(labels)
            if len(classes) == 1:
                return classes[:0], np.empty((len(asked), 0))
            return classes, head.fit(known, labels).predict_proba(asked)
        counts = labels.sum(axis=0)
        classes = np.flatnonzero((counts > 0) & (counts < len(labels)))
        found = np.empty((len(asked), len(classes)))
        for column, label in zip(found.T, classes, strict=True):
            column[:] = head.fit(known, labels[:, label]).predict_proba(asked)[:, 1]
        return classes, found
