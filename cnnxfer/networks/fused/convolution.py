"""Convolution that is faster to train on a CPU in TensorFlow where pictures are small.

oneDNN computes convolutions in blocks along the picture. Of maps of a few places, such
as a network for pictures of 32 pixels has in its last stages, it computes the kernel's
gradient 2 to 4 times slower than a product of matrices.
"""

import math
from typing import Any

from keras import ops

from cnnxfer.networks.fused.depthwise import on_tensorflow_cpu, pad_as_same

# The largest number of places (height times width) that counts as few.
FEW_PLACES = 49


def convolution(x: Any, kernel: Any, stride: int, padding: str) -> Any:
    """Convolves as `keras.ops.conv` does.

    Args:
        x: the inputs, `(batch, height, width, channels)`.
        kernel: the weights, `(height, width, channels, maps)`, of the dtype of `x`.
        stride: the stride in pixels along both height and width.
        padding: `same` or `valid`.

    Returns:
        A tensor `(batch, height, width, maps)` of the dtype of `x`.
    """
    if not on_tensorflow_cpu() or None in x.shape[1:3]:
        return ops.conv(x, kernel, stride, padding)
    height, width, channels, maps = kernel.shape
    if padding == "valid" and x.shape[1:3] == (height, width):
        # The kernel covers the picture, so this is a fully connected layer.
        x = ops.reshape(x, (-1, height * width * channels))
        x = ops.matmul(x, ops.reshape(kernel, (-1, maps)))
        return ops.reshape(x, (-1, 1, 1, maps))
    if (height, width) == (1, 1) or _places(x, kernel, stride, padding) > FEW_PLACES:
        return ops.conv(x, kernel, stride, padding)
    return _of_few_places(x, kernel, stride, padding.upper())


def _places(x: Any, kernel: Any, stride: int, padding: str) -> int:
    """Returns how many places the maps of the result have."""
    around = (0, 0) if padding == "same" else (side - 1 for side in kernel.shape[:2])
    return math.prod(
        -(-(size - less) // stride)
        for size, less in zip(x.shape[1:3], around, strict=True)
    )


def _of_few_places(x: Any, kernel: Any, stride: int, padding: str) -> Any:
    import tensorflow as tf

    strides = [1, stride, stride, 1]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def convolve(x: Any, kernel: Any) -> tuple[Any, Any]:
        def gradients(upstream: Any) -> tuple[Any, Any]:
            to_inputs = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x),
                filter=kernel,
                out_backprop=upstream,
                strides=strides,
                padding=padding,
            )
            return (
                to_inputs,
                _kernel_gradient(x, kernel.shape, upstream, stride, padding),
            )

        return tf.nn.conv2d(x, kernel, strides, padding), gradients

    return convolve(x, kernel)


def _kernel_gradient(
    x: Any, shape: Any, upstream: Any, stride: int, padding: str
) -> Any:
    """Computes the gradient of each place of the kernel as a product of matrices."""
    import tensorflow as tf

    height, width, channels, maps = shape
    if padding == "SAME":
        x = pad_as_same(x, height, width, stride)
    # From the first place of the kernel to behind the last, in both directions:
    down, right = ((side - 1) * stride + 1 for side in upstream.shape[1:3])
    slopes = tf.reshape(upstream, (-1, maps))
    products = []
    for top in range(height):
        for left in range(width):
            seen = x[:, top : top + down : stride, left : left + right : stride]
            seen = tf.reshape(seen, (-1, channels))
            products.append(tf.matmul(seen, slopes, transpose_a=True))
    return tf.reshape(tf.concat(products, axis=0), shape)
