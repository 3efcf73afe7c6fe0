"""From what a network gives to probabilities, and from these to several classes."""

from __future__ import annotations

import numpy as np

from cnnxfer.tasks.digits import DIGITS


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities of classes that exclude one another: rows that sum to 1."""
    exponentials: np.ndarray = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: np.ndarray = exponentials / exponentials.sum(-1, keepdims=True)
    return probabilities


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities of classes that have nothing to do with one another."""
    with np.errstate(over="ignore"):  # of -1000, the exponential is too large, as it is
        probabilities: np.ndarray = 1 / (1 + np.exp(-logits))
    return probabilities


def as_probabilities(values: np.ndarray, outputs: str) -> np.ndarray:
    """Returns probabilities of any outputs but features.

    Args:
        values: float32 `(..., classes)`.
        outputs: what they are; one of `engines.engine.Outputs`.
    """
    if outputs == "logits":
        return softmax(values)
    if outputs == "multi-label logits":
        return sigmoid(values)
    return values


def reaches(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Tells which classes an image has, where it may have several.

    Probabilities count as they are printed, so that figure and answer never contradict
    each other.

    Args:
        probabilities: `(..., classes)`.
        thresholds: `(classes,)`; to be at one is enough.

    Returns:
        bool `(..., classes)`.
    """
    printed: np.ndarray = probabilities.astype(np.float64).round(DIGITS)
    return printed >= thresholds
