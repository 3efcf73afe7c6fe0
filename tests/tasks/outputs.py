"""Writes what heads of boxes and masks answer and learn on the backend that is set.

A process has one backend, so this is a program: `python outputs.py FILE.npz`.
"""

import sys

import keras
import numpy as np
from dense_heads import ANSWERS, HEADS, build, maps_for, numbers, objective


def outputs(name: str) -> dict[str, np.ndarray]:
    """Returns the outputs of a head, its losses, and what two updates change."""
    head = build(name)
    maps, (losses, targets) = maps_for(head), objective(name)
    raw = head(maps, training=False)
    given = keras.ops.convert_to_tensor(targets)
    found = {"raw": raw, "losses": losses.loss(given, raw)}
    # Few things are right, so the accuracies may well be equal.
    found["accuracy"] = keras.ops.sum(losses.accuracy(given, raw))
    if name in ANSWERS:
        found["answer"] = ANSWERS[name]()(raw)
    for layer in head.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    head.compile(keras.optimizers.SGD(1e-2), losses.loss, run_eagerly=True)
    found["trained"] = np.array([head.train_on_batch(maps, targets) for _ in range(2)])
    return {f"{name} {key}": numbers(values) for key, values in found.items()}


if __name__ == "__main__":
    everything = [outputs(name) for name in HEADS]
    np.savez(sys.argv[1], **{key: x for each in everything for key, x in each.items()})
