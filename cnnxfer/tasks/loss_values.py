"""Losses of arrays, outside of training."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

BATCH = 64  # the number of images at a time: a loss may need much more than its inputs


class Loss(Protocol):
    """What computes the loss of each image; see `Objective.loss`."""

    def loss(self, targets: Any, logits: Any) -> Any:
        """Returns the loss of each image, float32 `(batch,)`."""


def mean_loss(objective: Loss, targets: np.ndarray, logits: np.ndarray) -> float:
    """Returns the mean loss of images, to 6 decimal places.

    Args:
        objective: computes the losses.
        targets: `(images, ...)`.
        logits: `(images, ...)`.
    """
    from keras import ops

    total = 0.0
    for start in range(0, len(targets), BATCH):
        batch = slice(start, start + BATCH)
        losses = objective.loss(
            ops.convert_to_tensor(targets[batch]), ops.convert_to_tensor(logits[batch])
        )
        total += float(ops.convert_to_numpy(losses).sum(dtype=np.float64))
    return round(total / len(targets), 6)
