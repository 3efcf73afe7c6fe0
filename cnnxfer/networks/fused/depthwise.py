"""Depthwise convolution with gradients that are fast on a CPU in TensorFlow.

TensorFlow leaves these gradients to oneDNN, which has fast code for some shapes only.
The others, 5 to 30 times slower than they could be, are put in terms of those.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

# oneDNN's widest kernel with a fast gradient; its height does not matter.
FAST_WIDTH = 3


def depthwise(x: Any, kernel: Any, stride: int, padding: str) -> Any:
    """Convolves each channel by itself.

    Args:
        x: `(batch, height, width, channels)`.
        kernel: `(height, width, channels, 1)`, of the same dtype.
        stride: the same both ways.
        padding: `same` or `valid`.

    Returns:
        What `keras.ops.depthwise_conv` returns; only its gradients are computed in
        another way, where that is faster.
    """
    if keras.backend.backend() == "tensorflow" and _on_cpu():
        return _on_tensorflow(x, kernel, stride, padding.upper())
    return ops.depthwise_conv(x, kernel, stride, padding)


def _on_cpu() -> bool:
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")


def _on_tensorflow(x: Any, kernel: Any, stride: int, padding: str) -> Any:
    import tensorflow as tf

    strides = [1, stride, stride, 1]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def convolve(x: Any, kernel: Any) -> tuple[Any, Any]:
        def gradients(above: Any) -> tuple[Any, Any]:
            return (
                _input_gradient(tf.shape(x), kernel, above, strides, padding),
                _kernel_gradient(x, kernel.shape, above, strides, padding),
            )

        return tf.nn.depthwise_conv2d(x, kernel, strides, padding), gradients

    return convolve(x, kernel)


def _input_gradient(
    shape: Any, kernel: Any, above: Any, strides: list[int], padding: str
) -> Any:
    import tensorflow as tf

    # With strides, what is fast in float32 is 10 to 60 times slower in bfloat16.
    dtype = tf.float32 if strides[1] > 1 else above.dtype
    gradient = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
        input_sizes=shape,
        filter=tf.cast(kernel, dtype),
        out_backprop=tf.cast(above, dtype),
        strides=strides,
        padding=padding,
    )
    return tf.cast(gradient, above.dtype)


def _kernel_gradient(
    x: Any, shape: Any, above: Any, strides: list[int], padding: str
) -> Any:
    """Computes the gradient by strips of columns that are narrow enough."""
    import tensorflow as tf

    height, width, channels, _ = shape

    def strip(x: Any, width: int, padding: str) -> Any:
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=x,
            filter_sizes=[height, width, channels, 1],
            out_backprop=above,
            strides=strides,
            padding=padding,
        )

    if width <= FAST_WIDTH:
        return strip(x, width, padding)
    stride = strides[1]
    if padding == "SAME":
        across, down = (
            _padding(size, length, stride)
            for size, length in ((x.shape[1], height), (x.shape[2], width))
        )
        x = tf.pad(x, [[0, 0], across, down, [0, 0]])
    reach = (above.shape[2] - 1) * stride  # from the first place to the last
    strips = []
    for left in range(0, width, FAST_WIDTH):
        columns = min(FAST_WIDTH, width - left)
        part = x[:, :, left : left + reach + columns]
        strips.append(strip(part, columns, "VALID"))
    return tf.concat(strips, axis=1)


def _padding(size: int, length: int, stride: int) -> tuple[int, int]:
    """Returns how many zeros TensorFlow puts before and behind."""
    places = -(-size // stride)
    zeros = max((places - 1) * stride + length - size, 0)
    return zeros // 2, zeros - zeros // 2
