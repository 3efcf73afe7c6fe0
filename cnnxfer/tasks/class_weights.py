"""How much each class counts in the loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cnnxfer.config.class_weights_file import AUTO, NONE, read_class_weights
from cnnxfer.errors import ConfigError
from cnnxfer.registry import suggestion


def class_weights(
    setting: str, class_names: Sequence[str], targets: np.ndarray
) -> np.ndarray:
    """Returns what each class counts in the loss.

    Args:
        setting: `none`: all count 1. `auto`: a class that a tenth as many images show
            counts ten times as much, and 1 is the mean over all labels of all images
            (the formula of scikit-learn's "balanced"). A file: what it says, see
            `read_class_weights`, and 1 for a class that it doesn't name.
        class_names: in label order.
        targets: of the training images, `(images, classes)`; see `targets_of`.

    Returns:
        float32 `(classes,)`, above 0.

    Raises:
        ConfigError: if the file is wrong, or names a class that is unknown.
    """
    if setting == AUTO:
        counts = targets.sum(axis=0, dtype=np.float64)
        weights = counts.sum() / (len(class_names) * np.maximum(counts, 1))
        return np.asarray(weights, np.float32)
    given = require_known_classes(setting, class_names)
    return np.array([given.get(name, 1.0) for name in class_names], np.float32)


def require_known_classes(setting: str, class_names: Sequence[str]) -> dict[str, float]:
    """Returns the weights of a file; none of `none` and `auto`.

    Raises:
        ConfigError: if the file is wrong, or names a class that is unknown.
    """
    given = {} if setting in (NONE, AUTO) else read_class_weights(Path(setting))
    for name in given:
        if name not in class_names:
            near = suggestion(name, class_names)
            raise ConfigError(f"{setting}: unknown class {name!r}.{near}")
    return given
