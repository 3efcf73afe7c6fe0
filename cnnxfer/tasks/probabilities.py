"""Converts the outputs of a network to probabilities, and these to classes."""

from __future__ import annotations

import numpy as np

from cnnxfer.tasks.decimal_places import DIGITS


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the probabilities of mutually exclusive classes, whose rows sum to 1."""
    exponentials: np.ndarray = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: np.ndarray = exponentials / exponentials.sum(-1, keepdims=True)
    return probabilities


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns the probabilities of independent classes."""
    with np.errstate(over="ignore"):  # exp(1000) is infinite, and the result 0
        probabilities: np.ndarray = 1 / (1 + np.exp(-logits))
    return probabilities


def as_probabilities(values: np.ndarray, outputs: str) -> np.ndarray:
    """Returns the probabilities that outputs of a network stand for.

    Args:
        values: float32 `(..., classes)`.
        outputs: the kind of `values`: `logits`, `multi-label logits` or
            `probabilities`; see `engines.engine.Outputs`.
    """
    if outputs == "logits":
        return softmax(values)
    if outputs == "multi-label logits":
        return sigmoid(values)
    return values


def reaches(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Returns which probabilities reach the threshold of their class.

    Probabilities are rounded as they are printed, so that printed figures and answers
    never contradict each other.

    Args:
        probabilities: `(..., classes)`.
        thresholds: `(classes,)`; an equal probability reaches it.

    Returns:
        bool `(..., classes)`.
    """
    printed: np.ndarray = probabilities.astype(np.float64).round(DIGITS)
    return printed >= thresholds
