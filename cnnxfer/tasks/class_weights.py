"""The weight of each class in the loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cnnxfer.config.class_weights_file import AUTO, NONE, read_class_weights
from cnnxfer.errors import ConfigError
from cnnxfer.registry import suggestion
from cnnxfer.texts import normal


def class_weights(
    setting: str, class_names: Sequence[str], targets: np.ndarray
) -> np.ndarray:
    """Returns the weight of each class in the loss.

    Args:
        setting: `none` for a weight of 1 for each class; `auto` for weights that are
            inversely proportional to the number of images of a class, with a mean of 1
            over all labels of all images (the formula of scikit-learn's "balanced"); or
            the path of a file, see `read_class_weights`, in which case classes that the
            file doesn't name have a weight of 1.
        class_names: the names of the classes, in label order.
        targets: the targets of the training images, `(images, classes)`.

    Returns:
        float32 `(classes,)`, above 0.

    Raises:
        ConfigError: if the file is not valid, or names an unknown class.
    """
    if setting == AUTO:
        counts = targets.sum(axis=0, dtype=np.float64)
        weights = counts.sum() / (len(class_names) * np.maximum(counts, 1))
        return np.asarray(weights, np.float32)
    weights_of_file = require_known_classes(setting, class_names)
    return np.array([weights_of_file.get(name, 1) for name in class_names], np.float32)


def require_known_classes(setting: str, class_names: Sequence[str]) -> dict[str, float]:
    """Returns the weights in a file by class; an empty dict for `none` and `auto`.

    The keys are spelled as the classes, even if the file has another Unicode form.

    Args:
        setting: `none`, `auto`, or the path of a file.
        class_names: the names of the classes.

    Raises:
        ConfigError: if the file is not valid, or names an unknown class.
    """
    weights = {} if setting in (NONE, AUTO) else read_class_weights(Path(setting))
    known = {normal(name): name for name in class_names}
    for name in weights:
        if normal(name) not in known:
            near = suggestion(name, class_names)
            raise ConfigError(f"{setting}: unknown class {name!r}.{near}")
    return {known[normal(name)]: weight for name, weight in weights.items()}
