"""Compares a convolution, and its gradients, with Keras's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

Convolution = Callable[[Any, Any, int, str], Any]


def assert_like_keras(
    convolve: Convolution,
    of_keras: Convolution,
    x: tf.Tensor,
    kernel: tf.Tensor,
    stride: int,
    padding: str,
    dtype: str,
) -> None:
    """Compares output and gradients in `dtype` with those of Keras in float32."""

    def output_and_gradients(convolve: Convolution, dtype: str) -> list[np.ndarray]:
        mine = [tf.cast(tf.cast(value, "bfloat16"), dtype) for value in (x, kernel)]
        with tf.GradientTape() as tape:
            tape.watch(mine)
            outputs = convolve(*mine, stride, padding)
            weights = np.random.default_rng(1).normal(size=outputs.shape)
            loss = tf.reduce_sum(outputs * ops.cast(weights, dtype))
        gradients = tape.gradient(loss, mine)
        assert {value.dtype for value in (outputs, *gradients)} == {tf.as_dtype(dtype)}
        return [np.asarray(tf.cast(y, "float32")) for y in (outputs, *gradients)]

    # Processors without units for bfloat16 also add in it: up to 0.04 was seen.
    tolerance = 1e-5 if dtype == "float32" else 0.06
    expected = output_and_gradients(of_keras, "float32")
    for found, other in zip(
        output_and_gradients(convolve, dtype), expected, strict=True
    ):
        assert found.shape == other.shape
        assert np.abs(found - other).max() < tolerance * np.abs(other).max()
