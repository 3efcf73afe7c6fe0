"""How much each class counts in the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def class_weights(
    kind: str, labels: Sequence[int] | np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns a weight for each class; over all images, they are 1 on average.

    Args:
        kind: `none`, or `balanced`, which gives a class that has a tenth of another's
            images ten times its weight (the formula of scikit-learn's "balanced").
        labels: of the training images, in [0, num_classes).
        num_classes: at least one image of each is in `labels`.

    Returns:
        float32 `(num_classes,)`.
    """
    if kind == "none":
        return np.ones(num_classes, np.float32)
    counts = np.bincount(labels, minlength=num_classes)
    weights = len(labels) / (num_classes * np.maximum(counts, 1))
    return weights.astype(np.float32)
