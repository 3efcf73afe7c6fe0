"""Gradients of a class's logit, on each of Keras's backends."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


def logit_gradients(
    model: keras.Model, inputs: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Returns how the logit of one class changes with each number of the inputs.

    Args:
        model: a model of inputs `(batch, ...)` to logits `(batch, classes)`, in which
            the inputs of a batch do not meet.
        inputs: float32 `(batch, ...)`.
        labels: int `(batch,)`: the class of each.

    Returns:
        float32, as `inputs`.
    """
    chosen = ops.one_hot(labels, model.output_shape[-1])

    def total(x: Any) -> Any:
        return ops.sum(model(x, training=False) * chosen)

    x = ops.convert_to_tensor(inputs)
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        found = jax.grad(total)(x)
    elif backend == "torch":
        import torch

        x = x.detach().requires_grad_()
        (found,) = torch.autograd.grad(total(x), x)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            answer = total(x)
        found = tape.gradient(answer, x)
    gradients: np.ndarray = ops.convert_to_numpy(found)
    return gradients
