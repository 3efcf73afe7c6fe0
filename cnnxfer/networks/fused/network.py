"""A copy of a network that shares its variables and is faster to train."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers
from keras.activations import linear

from cnnxfer.networks.fused.layers import FusedConvolution, SharedLayer, SharedNorm
from cnnxfer.networks.precision import POLICIES
from cnnxfer.tasks.task import HEAD

PIXEL_LAYERS = (layers.Rescaling, layers.Normalization)


def fused_network(model: keras.Model, precision: str) -> keras.Model:
    """Returns a network that learns what `model` learns, in less time.

    It shares all variables with `model`, so nothing has to be copied back. A layer that
    is frozen in one is frozen in the other; set that before you compile the copy.

    - The network inside `model`, which is the backbone or its part behind a cut,
      computes in `precision`; normalization of pixels and head stay in float32. Of a
      head, convolutions with an activation behind them do the same: they take most of
      its time, and no answer is rounded.
    - Frozen BatchNormalization is folded into the convolution before it.
    - BatchNormalization that learns is one operation on a CPU in TensorFlow.
    - Convolutions have gradients that are faster there: depthwise ones, and those of
      maps of few places.

    Args:
        model: a model from `build_classifier` or `behind`, in float32.
        precision: what the inner network computes in, a key of `POLICIES`.

    Returns:
        A model of the same inputs to float32 logits, which differ from those of
        `model` by rounding errors. Its layers have the same names.
    """
    return _copy(model, "float32", precision)


def _copy(model: keras.Model, precision: str, inner_precision: str) -> keras.Model:
    """Copies a network; what it hides computes in `inner_precision`."""
    if isinstance(model, keras.Sequential):
        copies = [_copy_layer(layer, None, precision) for layer in model.layers]
        return keras.Sequential(copies, name=model.name)
    norms = _foldable_norms(model)
    folded = {id(norm) for norm in norms.values()}

    def copy(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            outer = "float32" if layer.name == HEAD else inner_precision
            return _copy(layer, outer, inner_precision)
        if id(layer) in folded:
            return layers.Identity(name=layer.name, dtype=POLICIES[precision])
        hidden = FusedConvolution.supports(layer) and layer.activation is not linear
        return _copy_layer(
            layer, norms.get(id(layer)), inner_precision if hidden else precision
        )

    return keras.models.clone_model(
        model, clone_function=copy, call_function=_call_without_mask
    )


def _copy_layer(
    layer: Any, norm: layers.BatchNormalization | None, precision: str
) -> keras.layers.Layer:
    """Copies a layer; `norm` is folded into it if it is a convolution."""
    if not isinstance(layer, layers.Layer):
        return layer  # an operation without variables
    if isinstance(layer, PIXEL_LAYERS):
        return SharedLayer(layer, "float32")
    if FusedConvolution.supports(layer):
        return FusedConvolution(layer, norm, precision)
    if isinstance(layer, layers.BatchNormalization):
        return SharedNorm(layer, precision)
    return SharedLayer(layer, precision)


def _call_without_mask(
    layer: Any, *arguments: Any, mask: None = None, **options: Any
) -> Any:
    """Calls a layer without the mask, which only layers for sequences accept."""
    return layer(*arguments, **options)


def _foldable_norms(model: keras.Model) -> dict[int, layers.BatchNormalization]:
    """Returns the BatchNormalization layers that alone read a convolution's output.

    The keys are the `id` of each convolution.
    """
    readers: dict[int, list[Any]] = {}
    for operation in model.operations:
        if not isinstance(operation, layers.InputLayer):
            for tensor in keras.tree.flatten(operation.input):
                readers.setdefault(id(tensor), []).append(operation)
    for tensor in keras.tree.flatten(model.output):
        readers.setdefault(id(tensor), []).append(None)
    norms = {}
    for operation in model.operations:
        if not FusedConvolution.supports(operation):
            continue
        linear = operation.activation is keras.activations.linear
        match readers.get(id(operation.output), []):
            case [layers.BatchNormalization() as norm] if linear:
                norms[id(operation)] = norm
    return norms
