"""Heads that tasks share: new layers on what the backbone returns."""

from typing import Any

import keras

HEAD = "logits"  # name of the last layer
HIDDEN = "hidden"  # name of the hidden layer of an `mlp` head
HIDDEN_UNITS = 256


def dense_head(
    kind: str, outputs: int, dropout: float, seed: int | None = None
) -> list[keras.layers.Layer]:
    """Returns new layers that map pooled features to logits, both float32.

    Args:
        kind: `linear`, or `mlp` for one hidden layer of `HIDDEN_UNITS`.
        outputs: the number of logits.
        dropout: dropout rate before the first weights, in [0, 1).
        seed: seed of the initial weights and of dropout; None draws one from Python's
            `random`.
    """

    def dense(units: int, name: str, activation: str | None = None) -> Any:
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            name=name,
            dtype="float32",
        )

    first = keras.layers.Dropout(dropout, seed=seed, name="dropout", dtype="float32")
    hidden = [dense(HIDDEN_UNITS, HIDDEN, "relu")] if kind == "mlp" else []
    return [first, *hidden, dense(outputs, HEAD)]
