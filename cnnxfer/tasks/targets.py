"""Converts labels to the targets of a network, a number for each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnxfer.data.dataset import Example


def targets_of(examples: Sequence[Example], num_classes: int) -> np.ndarray:
    """Returns 1 for each class that an image shows, and 0 for the others.

    Args:
        examples: images whose labels are in [0, num_classes).
        num_classes: the number of classes, at least 1.

    Returns:
        float32 `(images, num_classes)`. A row has as many ones as the image has labels.
    """
    targets = np.zeros((len(examples), num_classes), np.float32)
    for row, example in zip(targets, examples, strict=True):
        row[list(example.labels)] = 1
    return targets
