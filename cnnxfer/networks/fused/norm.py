"""BatchNormalization of a batch by its own statistics, fast on a CPU in TensorFlow.

Keras computes mean, variance and result in operations of their own, in float32.
TensorFlow has one operation for all of it, and one for its gradient; they take a fifth
of the time in bfloat16 and a third in float32.
"""

from typing import Any

from keras import layers, ops

from cnnxfer.networks.fused.depthwise import on_tensorflow_cpu


def normalize_batch(x: Any, norm: layers.BatchNormalization) -> Any:
    """Normalizes each channel, and moves the statistics, as `norm` does when it learns.

    Args:
        x: the inputs, `(batch, height, width, channels)` or of another rank.
        norm: the layer, which is built.

    Returns:
        A tensor of the shape and dtype of `x`. Statistics are float32 in any case.
    """
    if not (on_tensorflow_cpu() and _is_fusible(x, norm)):
        return ops.cast(norm.call(x, training=True), x.dtype)
    import tensorflow as tf

    channels = x.shape[-1]
    x, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        x,
        ops.ones(channels) if norm.gamma is None else ops.convert_to_tensor(norm.gamma),
        ops.zeros(channels) if norm.beta is None else ops.convert_to_tensor(norm.beta),
        epsilon=norm.epsilon,
    )
    # The variance is that of the population that the batch is taken from, n / (n - 1)
    # times as large as the batch's own, which Keras keeps.
    count = ops.cast(tf.size(x) // channels, "float32")
    variance = variance * ops.maximum(count - 1, 1) / count
    for average, value in (norm.moving_mean, mean), (norm.moving_variance, variance):
        average.assign(average * norm.momentum + value * (1 - norm.momentum))
    return x


def _is_fusible(x: Any, norm: layers.BatchNormalization) -> bool:
    """Returns whether TensorFlow's one operation computes what `norm` does."""
    return (
        len(x.shape) == 4
        and norm.axis in (-1, 3)
        and not norm.renorm
        and not norm.synchronized
    )
