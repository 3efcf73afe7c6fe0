import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from cnnxfer.networks.fused.convolution import convolution


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel_size", [(1, 1), (3, 3), (2, 3), (5, 4)])
@pytest.mark.parametrize("size", [(5, 4), (12, 9)])
def test_outputs_and_gradients_match_keras(
    size: tuple[int, int],
    kernel_size: tuple[int, int],
    stride: int,
    padding: str,
    dtype: str,
) -> None:
    """The first size has few places, the second many; one kernel covers the first."""
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(size=(3, *size, 5)), tf.float32)
    kernel = tf.constant(random.normal(size=(*kernel_size, 5, 7)), tf.float32)

    def output_and_gradients(convolve: object, dtype: str) -> list[np.ndarray]:
        assert callable(convolve)
        mine = [tf.cast(tf.cast(value, "bfloat16"), dtype) for value in (x, kernel)]
        with tf.GradientTape() as tape:
            tape.watch(mine)
            outputs = convolve(*mine, stride, padding)
            weights = np.random.default_rng(1).normal(size=outputs.shape)
            loss = tf.reduce_sum(outputs * ops.cast(weights, dtype))
        gradients = tape.gradient(loss, mine)
        assert {value.dtype for value in (outputs, *gradients)} == {tf.as_dtype(dtype)}
        return [np.asarray(tf.cast(y, "float32")) for y in (outputs, *gradients)]

    tolerance = 1e-5 if dtype == "float32" else 0.02
    expected = output_and_gradients(ops.conv, "float32")
    for found, other in zip(
        output_and_gradients(convolution, dtype), expected, strict=True
    ):
        assert found.shape == other.shape
        assert np.abs(found - other).max() < tolerance * np.abs(other).max()
