"""Depthwise convolution with gradients that are fast on a CPU in TensorFlow.

TensorFlow leaves these gradients to oneDNN, which has fast code for some shapes only;
others are 5 to 30 times slower than they could be. This module computes the gradients
of the slow shapes by operations on fast shapes.
"""

from typing import Any

import keras
from keras import ops

# oneDNN's widest kernel with a fast gradient; its height does not matter.
FAST_WIDTH = 3


def depthwise(x: Any, kernel: Any, stride: int, padding: str) -> Any:
    """Convolves each channel by itself, as `keras.ops.depthwise_conv` does.

    Args:
        x: the inputs, `(batch, height, width, channels)`.
        kernel: the weights, `(height, width, channels, 1)`, of the dtype of `x`.
        stride: the stride in pixels along both height and width.
        padding: `same` or `valid`.

    Returns:
        A tensor `(batch, height, width, channels)` of the dtype of `x`. On a CPU in
        TensorFlow, its gradients are computed in a faster way.
    """
    if on_tensorflow_cpu():
        return _on_tensorflow(x, kernel, stride, padding.upper())
    return ops.depthwise_conv(x, kernel, stride, padding)


def on_tensorflow_cpu() -> bool:
    """Returns whether TensorFlow computes, and on a CPU."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")


def _on_tensorflow(x: Any, kernel: Any, stride: int, padding: str) -> Any:
    import tensorflow as tf

    strides = [1, stride, stride, 1]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def convolve(x: Any, kernel: Any) -> tuple[Any, Any]:
        def gradients(upstream: Any) -> tuple[Any, Any]:
            return (
                _input_gradient(tf.shape(x), kernel, upstream, strides, padding),
                _kernel_gradient(x, kernel.shape, upstream, strides, padding),
            )

        return tf.nn.depthwise_conv2d(x, kernel, strides, padding), gradients

    return convolve(x, kernel)


def _input_gradient(
    shape: Any, kernel: Any, upstream: Any, strides: list[int], padding: str
) -> Any:
    import tensorflow as tf

    # With a stride above 1, this is 10 to 60 times slower in bfloat16 than in float32.
    dtype = tf.float32 if strides[1] > 1 else upstream.dtype
    gradient = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
        input_sizes=shape,
        filter=tf.cast(kernel, dtype),
        out_backprop=tf.cast(upstream, dtype),
        strides=strides,
        padding=padding,
    )
    return tf.cast(gradient, upstream.dtype)


def _kernel_gradient(
    x: Any, shape: Any, upstream: Any, strides: list[int], padding: str
) -> Any:
    """Computes the gradient in strips of at most `FAST_WIDTH` kernel columns."""
    import tensorflow as tf

    height, width, channels, _ = shape

    def strip_gradient(x: Any, width: int, padding: str) -> Any:
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=x,
            filter_sizes=[height, width, channels, 1],
            out_backprop=upstream,
            strides=strides,
            padding=padding,
        )

    if width <= FAST_WIDTH:
        return strip_gradient(x, width, padding)
    stride = strides[1]
    if padding == "SAME":
        x = pad_as_same(x, height, width, stride)
    reach = (
        upstream.shape[2] - 1
    ) * stride  # from the first kernel position to the last
    strips = []
    for left in range(0, width, FAST_WIDTH):
        strip_width = min(FAST_WIDTH, width - left)
        strip = x[:, :, left : left + reach + strip_width]
        strips.append(strip_gradient(strip, strip_width, "VALID"))
    return tf.concat(strips, axis=1)


def pad_as_same(x: Any, height: int, width: int, stride: int) -> Any:
    """Adds the zeros to `x` that `same` stands for with a kernel of these sides."""
    import tensorflow as tf

    rows, columns = (
        _same_padding(size, kernel_size, stride)
        for size, kernel_size in ((x.shape[1], height), (x.shape[2], width))
    )
    return tf.pad(x, [[0, 0], rows, columns, [0, 0]])


def _same_padding(size: int, kernel_size: int, stride: int) -> tuple[int, int]:
    """Returns how many zeros TensorFlow adds before and after one axis."""
    positions = -(-size // stride)
    zeros = max((positions - 1) * stride + kernel_size - size, 0)
    return zeros // 2, zeros - zeros // 2
