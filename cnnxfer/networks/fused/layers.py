"""Layers that compute the same as another layer with its variables, but faster."""

from __future__ import annotations

import inspect
from typing import Any

import keras
from keras import layers, ops

from cnnxfer.networks.fused.convolution import convolution
from cnnxfer.networks.fused.depthwise import depthwise
from cnnxfer.networks.fused.norm import normalize_batch
from cnnxfer.networks.precision import POLICIES

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


class SharedLayer(layers.Layer):
    """A layer with another layer's variables and a precision of its own."""

    def __init__(self, source: layers.Layer, precision: str) -> None:
        """Wraps a layer that is built, to compute in one of `POLICIES`."""
        super().__init__(name=source.name, dtype=POLICIES[precision])
        self.source = source
        self.takes_training = "training" in inspect.signature(source.call).parameters
        self.built = True

    @property
    def seed_generator(self) -> keras.random.SeedGenerator:
        """The generator that Dropout draws from; other layers have none."""
        return self.source.seed_generator

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the outputs of `source` for a tensor or a list of tensors."""
        options = {"training": training} if self.takes_training else {}
        return ops.cast(self.source.call(inputs, **options), self.compute_dtype)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the shape and dtype of the outputs."""
        shape = self.source.compute_output_spec(inputs).shape
        return keras.KerasTensor(shape, self.compute_dtype)


class _SelfCastingLayer(layers.Layer):
    """A layer that combines its variables in float32 and casts the results itself."""

    def __init__(self, source: layers.Layer, precision: str) -> None:
        super().__init__(name=source.name, dtype="float32", autocast=False)
        self.source = source
        self.precision = precision
        self.built = True

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the shape and dtype of the outputs."""
        shape = self.source.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, self.precision)


class SharedNorm(_SelfCastingLayer):
    """BatchNormalization in one operation, or in two small ones where it is frozen."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the normalized inputs, in the layer's precision."""
        x = ops.cast(inputs, self.precision)
        if training and self.source.trainable:
            return normalize_batch(x, self.source)
        scale, shift = affine(self.source)
        return x * ops.cast(scale, x.dtype) + ops.cast(shift, x.dtype)


class FusedConvolution(_SelfCastingLayer):
    """A convolution, together with the BatchNormalization behind it if there is one.

    Where the normalization is frozen, the kernel is multiplied by its scale in every
    step. That costs little: a kernel is much smaller than the activations.
    """

    def __init__(
        self,
        source: layers.Layer,
        norm: layers.BatchNormalization | None,
        precision: str,
    ) -> None:
        """Wraps a convolution that `supports` accepts, and the norm behind it."""
        super().__init__(source, precision)
        self.norm = norm

    @staticmethod
    def supports(layer: Any) -> bool:
        """Returns whether `layer` is a convolution that this class can compute."""
        return (
            type(layer) in CONVOLUTIONS
            and layer.data_format == "channels_last"
            and layer.strides[0] == layer.strides[1]
            and layer.dilation_rate == (1, 1)
            and getattr(layer, "depth_multiplier", 1) == 1
            and (_is_depthwise(layer) or getattr(layer, "groups", 1) == 1)
        )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the convolved and normalized inputs, in the layer's precision."""
        norm, bias = self.norm, self.source.bias
        if norm is None:
            return self.source.activation(self._convolve(inputs, None, bias))
        if training and norm.trainable:
            return normalize_batch(self._convolve(inputs, None, bias), norm)
        scale, shift = affine(norm)
        if bias is not None:
            shift = shift + bias * scale
        return self._convolve(inputs, scale, shift)

    def _convolve(self, inputs: Any, scale: Any, shift: Any) -> Any:
        """Convolves, multiplies by `scale` and adds `shift`; None skips either step."""
        source = self.source
        stride, padding = source.strides[0], source.padding
        x = ops.cast(inputs, self.precision)
        if isinstance(source, layers.SeparableConv2D):
            kernel = ops.cast(source.depthwise_kernel, x.dtype)
            x = depthwise(x, kernel, stride, padding)
            stride, kernel = 1, source.pointwise_kernel
        else:
            kernel = source.kernel
        is_depthwise = _is_depthwise(source)
        if is_depthwise and isinstance(source, layers.Conv2D):
            kernel = ops.swapaxes(kernel, 2, 3)  # (h, w, 1, c) -> (h, w, c, 1)
        if scale is not None:
            kernel = kernel * (scale[:, None] if is_depthwise else scale)
        convolve = depthwise if is_depthwise else convolution
        x = convolve(x, ops.cast(kernel, x.dtype), stride, padding)
        return x if shift is None else _add_bias(x, ops.cast(shift, x.dtype))


def _is_depthwise(layer: layers.Layer) -> bool:
    """Returns whether the layer only convolves each channel by itself."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return True
    groups = getattr(layer, "groups", 1)
    return groups > 1 and layer.kernel.shape[2:] == (1, groups)


def _add_bias(x: Any, bias: Any) -> Any:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # TensorFlow fuses this operation with the convolution before it and the
        # activation behind it.
        return tf.nn.bias_add(x, bias)
    return x + bias


def affine(norm: layers.BatchNormalization) -> tuple[Any, Any]:
    """Returns BatchNormalization's factor and summand at inference, `(channels,)`."""
    scale = ops.rsqrt(norm.moving_variance + norm.epsilon)
    if norm.gamma is not None:
        scale = scale * norm.gamma
    shift = -norm.moving_mean * scale
    return scale, shift if norm.beta is None else shift + norm.beta
