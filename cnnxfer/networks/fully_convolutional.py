"""Fully convolutional classifiers, which take images of any size.

The layers are the classifier's own, called again on pixels of any height and width.
The head, which turned a whole feature map into one answer, is applied at every window
of the map that is as large as the original map was. An image of the original size has
one window, and the answer is the classifier's.

Source: Sermanet et al., 2014 (OverFeat), https://arxiv.org/abs/1312.6229.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import keras

from cnnxfer.engines.engine import Outputs
from cnnxfer.errors import RunError
from cnnxfer.spelling import option

Pooling = keras.layers.GlobalAveragePooling2D
Flatten = keras.layers.Flatten


def dense_model(classifier: keras.Model, outputs: Outputs) -> keras.Model:
    """Returns a model that classifies whole images and shares the classifier's layers.

    The classifier takes pixels `(batch, size, size, 3)`, and its head begins with
    global average pooling or with Flatten and Dense. Its outputs are not features.

    Returns:
        A model of pixels, float32 or uint8 `(batch, height, width, 3)` in [0, 255],
        to float32 probabilities `(batch, classes)`: the mean over all windows. Each
        side is the classifier's image size plus a multiple of 32.

    Raises:
        RunError: if the classifier has no such head.
    """
    map_end, head = _split_head(classifier)
    window = map_end.input.shape[1:3]
    pool = keras.layers.AveragePooling2D(window, strides=1, dtype="float32")
    replacement = pool if isinstance(map_end, Pooling) else _identity
    pixels, x = _call_on_map(classifier, map_end, head, replacement)
    # (batch, rows, columns, classes) -> (batch, classes)
    x = Pooling(dtype="float32", name="mean")(
        keras.layers.Activation(outputs.activation, dtype="float32")(x)
    )
    return keras.Model(pixels, x, name="dense")


def cell_model(classifier: keras.Model, outputs: Outputs) -> keras.Model:
    """Returns a model that classifies each cell of the feature map; see `dense_model`.

    If the head begins with average pooling, it is applied to each cell alone: the class
    activation map (Zhou et al., 2016, https://arxiv.org/abs/1512.04150), for heads of
    any layers. If it begins with Flatten, it needs whole windows; a cell then gets the
    mean over all windows that it lies in.

    Returns:
        A model of pixels, as `dense_model` takes them, to float32 probabilities
        `(batch, rows, columns, classes)`.

    Raises:
        RunError: if the classifier has no such head.
    """
    map_end, head = _split_head(classifier)
    pixels, x = _call_on_map(classifier, map_end, head, _identity)
    x = keras.layers.Activation(outputs.activation, dtype="float32")(x)
    if isinstance(map_end, Flatten):
        x = _windows_to_cells(x, map_end.input.shape[1:3])
    return keras.Model(pixels, x, name="cells")


def _split_head(classifier: keras.Model) -> tuple[Any, list[Any]]:
    """Returns the layer that ends the feature map, and the operations behind it."""
    operations = list(_operations(classifier))
    # The last pooling: those of squeeze-and-excitation blocks come before it.
    found = [i for i, layer in enumerate(operations) if isinstance(layer, Pooling)][-1:]
    found += [i for i, layer in enumerate(operations) if isinstance(layer, Flatten)]
    if not found:
        raise RunError(
            f"{option('--dense')} needs a network whose head begins with "
            "GlobalAveragePooling2D or Flatten; this one has neither. Leave it out."
        )
    return operations[found[0]], operations[found[0] + 1 :]


def _operations(model: keras.Model) -> Iterator[Any]:
    """Yields a model's operations in order, with inner models replaced by theirs."""
    is_chain = isinstance(model, keras.Sequential)
    for operation in model.layers if is_chain else model.operations:
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
        else:
            yield operation


def _call_on_map(
    classifier: keras.Model,
    map_end: Any,
    head: list[Any],
    replacement: Callable[[Any], Any],
) -> tuple[Any, Any]:
    """Calls all layers again, on images of any size, so that the head keeps the map.

    `map_end`, the layer that ends the map before the operations of the head, is
    replaced.

    Returns:
        The symbolic pixels and outputs, `(batch, rows, columns, classes)`.
    """
    replaced = {map_end: replacement}
    # These layers remove rows and columns of size 1, which a map keeps.
    replaced |= {
        layer: _identity
        for layer in head
        if isinstance(layer, Flatten | keras.layers.Reshape)
    }
    if isinstance(map_end, Flatten):
        dense = next(layer for layer in head if isinstance(layer, keras.layers.Dense))
        replaced[dense] = _as_convolution(dense, map_end.input.shape[1:])

    def call(operation: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(operation, keras.Sequential):
            return reduce(lambda x, layer: call(layer, x), operation.layers, *arguments)
        if isinstance(operation, keras.Model):
            operation = rebuild(operation)
        return replaced.get(operation, operation)(*arguments, **options)

    def rebuild(model: keras.Model) -> keras.Model:
        any_size = keras.Input((None, None, model.input.shape[-1]), name="pixels")
        return keras.models.clone_model(
            model, any_size, clone_function=_identity, call_function=call
        )

    model = rebuild(classifier)
    return model.input, model.output


def _as_convolution(dense: Any, shape: tuple[int, int, int]) -> keras.layers.Conv2D:
    """Returns a convolution that equals `dense` on a flattened map of this shape."""
    convolution = keras.layers.Conv2D(
        dense.units,
        shape[:2],
        activation=dense.activation,
        use_bias=dense.use_bias,
        dtype=dense.dtype_policy,
        name=dense.name,
    )
    convolution.build((None, *shape))
    kernel, *bias = dense.get_weights()
    convolution.set_weights([kernel.reshape(*shape, dense.units), *bias])
    return convolution


def _windows_to_cells(x: Any, window: tuple[int, int]) -> Any:
    """Turns values of windows into values of cells: each the mean over its windows."""
    rows, columns = window
    pad = keras.layers.ZeroPadding2D((rows - 1, columns - 1))
    mean = keras.layers.AveragePooling2D(window, strides=1, dtype="float32")
    return mean(pad(x)) / mean(pad(keras.ops.ones_like(x)))


def _identity(x: Any) -> Any:
    return x
