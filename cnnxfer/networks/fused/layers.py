"""Layers that compute what others do, with the others' variables, faster."""

from __future__ import annotations

import inspect
from typing import Any

import keras
from keras import layers, ops

from cnnxfer.networks.fused.depthwise import depthwise
from cnnxfer.networks.precision import POLICIES

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


class SharedLayer(layers.Layer):
    """Any layer, in a precision of one's choice."""

    def __init__(self, source: layers.Layer, precision: str) -> None:
        """Takes over the variables of `source`, which is built."""
        super().__init__(name=source.name, dtype=POLICIES[precision])
        self.source = source
        self.takes_training = "training" in inspect.signature(source.call).parameters
        self.built = True

    @property
    def seed_generator(self) -> keras.random.SeedGenerator:
        """What Dropout draws from; other layers have none."""
        return self.source.seed_generator

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns what `source` does of the same inputs, or of the list of them."""
        options = {"training": training} if self.takes_training else {}
        return ops.cast(self.source.call(inputs, **options), self.compute_dtype)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns shape and dtype of the outputs."""
        shape = self.source.compute_output_spec(inputs).shape
        return keras.KerasTensor(shape, self.compute_dtype)


class _Casting(layers.Layer):
    """A layer that casts by itself, after what it computes of variables in float32."""

    def __init__(self, source: layers.Layer, precision: str) -> None:
        super().__init__(name=source.name, dtype="float32", autocast=False)
        self.source = source
        self.precision = precision
        self.built = True

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns shape and dtype of the outputs."""
        shape = self.source.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, self.precision)


class SharedNorm(_Casting):
    """BatchNormalization, which is a product and a sum where it does not learn."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns what the source does."""
        if training and self.source.trainable:
            return ops.cast(self.source.call(inputs, training=True), self.precision)
        scale, shift = affine(self.source)
        x = ops.cast(inputs, self.precision)
        return x * ops.cast(scale, x.dtype) + ops.cast(shift, x.dtype)


class FusedConvolution(_Casting):
    """A convolution, with the BatchNormalization behind it if there is one.

    Where that does not learn, the kernel is multiplied by its scale, in every step
    anew: a kernel is small, activations are not.
    """

    def __init__(
        self,
        source: layers.Layer,
        norm: layers.BatchNormalization | None,
        precision: str,
    ) -> None:
        """Takes over the variables of `source`, which `knows` it, and of `norm`."""
        super().__init__(source, precision)
        self.norm = norm

    @staticmethod
    def knows(layer: Any) -> bool:
        """Whether `layer` is a convolution of the kinds that are done here."""
        return (
            type(layer) in CONVOLUTIONS
            and layer.data_format == "channels_last"
            and layer.strides[0] == layer.strides[1]
            and layer.dilation_rate == (1, 1)
            and getattr(layer, "depth_multiplier", 1) == 1
            and (_by_channel(layer) or getattr(layer, "groups", 1) == 1)
        )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns what the sources do, one after the other."""
        norm, bias = self.norm, self.source.bias
        if norm is None:
            return self.source.activation(self._convolve(inputs, None, bias))
        if training and norm.trainable:
            x = norm.call(self._convolve(inputs, None, bias), training=True)
            return ops.cast(x, self.precision)
        scale, shift = affine(norm)
        if bias is not None:
            shift = shift + bias * scale
        return self._convolve(inputs, scale, shift)

    def _convolve(self, inputs: Any, scale: Any, shift: Any) -> Any:
        """Convolves, multiplies by `scale` and adds `shift`; None does neither."""
        source = self.source
        stride, padding = source.strides[0], source.padding
        x = ops.cast(inputs, self.precision)
        if isinstance(source, layers.SeparableConv2D):
            kernel = ops.cast(source.depthwise_kernel, x.dtype)
            x = depthwise(x, kernel, stride, padding)
            stride, kernel = 1, source.pointwise_kernel
        else:
            kernel = source.kernel
        by_channel = _by_channel(source)
        if by_channel and isinstance(source, layers.Conv2D):
            kernel = ops.swapaxes(kernel, 2, 3)  # (h, w, 1, c) -> (h, w, c, 1)
        if scale is not None:
            kernel = kernel * (scale[:, None] if by_channel else scale)
        convolve = depthwise if by_channel else ops.conv
        x = convolve(x, ops.cast(kernel, x.dtype), stride, padding)
        return x if shift is None else _add_bias(x, ops.cast(shift, x.dtype))


def _by_channel(layer: layers.Layer) -> bool:
    """Whether each channel is convolved by itself, and no more."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return True
    groups = getattr(layer, "groups", 1)
    return groups > 1 and layer.kernel.shape[2:] == (1, groups)


def _add_bias(x: Any, bias: Any) -> Any:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # TensorFlow makes it one operation with the convolution before and an
        # activation behind.
        return tf.nn.bias_add(x, bias)
    return x + bias


def affine(norm: layers.BatchNormalization) -> tuple[Any, Any]:
    """Returns what BatchNormalization multiplies by, and then adds, for inference.

    Both are float32 `(channels,)`.
    """
    scale = ops.rsqrt(norm.moving_variance + norm.epsilon)
    if norm.gamma is not None:
        scale = scale * norm.gamma
    shift = -norm.moving_mean * scale
    return scale, shift if norm.beta is None else shift + norm.beta
