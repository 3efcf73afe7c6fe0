import numpy as np
import pytest
import tensorflow as tf
from convolution_gradients import assert_like_keras
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
    assert_like_keras(convolution, ops.conv, x, kernel, stride, padding, dtype)
