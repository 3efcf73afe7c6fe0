"""Heads that tasks share: new layers on what the backbone returns."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from cnnxfer.tasks.euclidean import EuclideanDistances

HEAD = "logits"  # name of the last layer
HIDDEN = "hidden"  # name of the hidden layer of an `mlp` head
HIDDEN_UNITS = 256


def class_head(
    kind: str, outputs: int, dropout: float, seed: int | None = None
) -> list[keras.layers.Layer]:
    """Returns new layers that map pooled features to logits, both float32.

    Args:
        kind: `linear`, `mlp` for one hidden layer of `HIDDEN_UNITS`, or `euclidean` for
            distances to centres of the classes.
        outputs: the number of logits.
        dropout: dropout rate before the first weights, in [0, 1).
        seed: seed of the initial weights and of dropout; None draws one from Python's
            `random`.
    """
    first_weights = keras.initializers.GlorotUniform

    def dense(units: int, name: str, activation: str | None = None) -> Any:
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=first_weights(seed),
            name=name,
            dtype="float32",
        )

    first = keras.layers.Dropout(dropout, seed=seed, name="dropout", dtype="float32")
    if kind == "euclidean":
        distances = EuclideanDistances(
            outputs, first_weights(seed), name=HEAD, dtype="float32"
        )
        return [first, distances]
    hidden = [dense(HIDDEN_UNITS, HIDDEN, "relu")] if kind == "mlp" else []
    return [first, *hidden, dense(outputs, HEAD)]


def unscaled_weights(
    layer: keras.layers.Layer,
    weights: Sequence[np.ndarray],
    mean: np.ndarray,
    scale: float,
) -> list[np.ndarray]:
    """Returns the weights with which a layer answers features as they are.

    Args:
        layer: the first layer of a head that has weights.
        weights: its float32 weights for `(features - mean) / scale`.
        mean: float64 `(channels,)`.
        scale: above 0.
    """
    first, second = (weight.astype(np.float64) for weight in weights)
    if isinstance(layer, EuclideanDistances):
        # Both the features and the centres are `scale` times as far apart.
        found = [mean[:, None] + scale * first, second + 2 * np.log(scale)]
    else:
        kernel = first / scale
        found = [kernel, second - mean @ kernel]
    return [weight.astype(np.float32) for weight in found]
