"""How well a model does on the validation images, and which of two does better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Score:
    """How well a model did on the validation images.

    Attributes:
        accuracy: a fraction.
        loss: mean; it decides between equal accuracies.
        epoch: after which epoch, from 1; 0 is before the first.
    """

    accuracy: float
    loss: float
    epoch: int

    def beats(self, other: Score | None) -> bool:
        """Tells whether this is better: more correct, or as many with less loss."""
        if other is None:
            return True
        return (self.accuracy, -self.loss) > (other.accuracy, -other.loss)

    def as_metrics(self, images: int) -> dict[str, Any]:
        """Returns the score as a run's metrics keep it."""
        return {
            "val_accuracy": self.accuracy,
            "val_loss": self.loss,
            "val_images": images,
            "epoch": self.epoch,
        }

    @staticmethod
    def from_metrics(metrics: dict[str, Any]) -> Score:
        """Reads back what `as_metrics` gave."""
        return Score(metrics["val_accuracy"], metrics["val_loss"], metrics["epoch"])


def measure(logits: np.ndarray, labels: Sequence[int], epoch: int) -> Score:
    """Returns the score of a model's answers, without the noise of float32.

    Args:
        logits: `(images, classes)`.
        labels: `(images,)`, in [0, classes).
        epoch: after which the model answered.
    """
    logits = logits.astype(np.float64)
    with np.errstate(all="ignore"):  # of logits that are no numbers, the loss is none
        logits -= logits.max(axis=1, keepdims=True)
        log_sums = np.log(np.exp(logits).sum(axis=1))
        losses = log_sums - logits[np.arange(len(labels)), labels]
    accuracy = float(np.mean(logits.argmax(axis=1) == labels))
    return Score(round(accuracy, 6), round(float(losses.mean()), 6), epoch)
