import numpy as np
import pytest
import tensorflow as tf
from convolution_gradients import assert_like_keras
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
    assert_like_keras(depthwise, ops.depthwise_conv, x, kernel, stride, padding, dtype)


def test_the_batch_size_may_be_unknown() -> None:
    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 2))])
    def input_gradient(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(depthwise(x, tf.ones((5, 5, 2, 1)), 2, "same"))
        return tape.gradient(y, x)

    assert input_gradient(tf.zeros((3, 8, 8, 2))).shape == (3, 8, 8, 2)
