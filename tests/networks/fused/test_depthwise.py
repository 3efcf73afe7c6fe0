import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from cnnxfer.networks.fused.depthwise import depthwise


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(3, 3), (5, 5), (7, 7), (2, 4)])
def test_outputs_and_gradients_match_keras(
    size: tuple[int, int], stride: int, padding: str, dtype: str
) -> None:
    random = np.random.default_rng(0)
    # Sizes that strides divide and don't.
    x = tf.constant(random.normal(size=(2, 12, 9, 5)), tf.float32)
    kernel = tf.constant(random.normal(size=(*size, 5, 1)), tf.float32)

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
    expected = output_and_gradients(ops.depthwise_conv, "float32")
    for found, other in zip(
        output_and_gradients(depthwise, dtype), expected, strict=True
    ):
        assert found.shape == other.shape
        assert np.abs(found - other).max() < tolerance * np.abs(other).max()


def test_the_batch_size_may_be_unknown() -> None:
    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 2))])
    def input_gradient(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(depthwise(x, tf.ones((5, 5, 2, 1)), 2, "same"))
        return tape.gradient(y, x)

    assert input_gradient(tf.zeros((3, 8, 8, 2))).shape == (3, 8, 8, 2)
