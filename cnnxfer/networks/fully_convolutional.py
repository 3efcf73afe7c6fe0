"""Classifiers that take pictures of any size: the head is a convolution over the map.

The layers are the classifier's own, called again on pixels of any height and width.
What turned the whole map of features into one answer is applied at every window of
the map that is as large as the native map was. A picture of the native size has one
window, and the answer is the classifier's.

Source: Sermanet et al., 2014 (OverFeat), https://arxiv.org/abs/1312.6229.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import keras

from cnnxfer.errors import RunError

Pooling = keras.layers.GlobalAveragePooling2D
Flatten = keras.layers.Flatten


def dense_model(classifier: keras.Model, outputs: str) -> keras.Model:
    """Returns the classifier for whole pictures.

    Args:
        classifier: of pixels `(batch, size, size, 3)`; its head begins with global
            average pooling or with Flatten and Dense. It shares its layers.
        outputs: what its numbers are; one of `engines.engine.Outputs`, not features.

    Returns:
        A model of pixels, float32 or uint8 `(batch, height, width, 3)` in [0, 255],
        to float32 probabilities `(batch, classes)`: the mean over all windows. Sides
        are the native size and multiples of 32 more.

    Raises:
        RunError: if it has no such head.
    """
    end, head = _head(classifier)
    window = end.input.shape[1:3]
    pool = keras.layers.AveragePooling2D(window, strides=1, dtype="float32")
    ending = pool if isinstance(end, Pooling) else _same
    pixels, x = _on_map(classifier, end, head, ending)
    # (batch, rows, columns, classes) -> (batch, classes)
    x = Pooling(dtype="float32", name="mean")(_probabilities(x, outputs))
    return keras.Model(pixels, x, name="dense")


def cell_model(classifier: keras.Model, outputs: str) -> keras.Model:
    """Returns what tells the class at each cell of the map of features.

    Behind average pooling, the head is applied to each cell alone: the class activation
    map (Zhou et al., 2016, https://arxiv.org/abs/1512.04150), for heads of any
    layers. A head behind Flatten knows windows alone; a cell then has the mean of all
    windows that it lies in.

    Args:
        classifier: as for `dense_model`.
        outputs: the same.

    Returns:
        A model of pixels, as `dense_model` takes them, to float32 probabilities
        `(batch, rows, columns, classes)`.

    Raises:
        RunError: if it has no such head.
    """
    end, head = _head(classifier)
    pixels, x = _on_map(classifier, end, head, _same)
    x = _probabilities(x, outputs)
    if isinstance(end, Flatten):
        x = _spread(x, end.input.shape[1:3])
    return keras.Model(pixels, x, name="cells")


def _head(classifier: keras.Model) -> tuple[Any, list[Any]]:
    """Returns the layer that ends the map of features, and what comes behind it."""
    operations = list(_operations(classifier))
    # Those of squeeze-and-excitation lie before the one that ends the map.
    found = [i for i, layer in enumerate(operations) if isinstance(layer, Pooling)][-1:]
    found += [i for i, layer in enumerate(operations) if isinstance(layer, Flatten)]
    if not found:
        raise RunError(
            "--dense needs a network whose head begins with GlobalAveragePooling2D or "
            "Flatten; this one has neither. Leave out --dense."
        )
    return operations[found[0]], operations[found[0] + 1 :]


def _operations(model: keras.Model) -> Iterator[Any]:
    """Yields a model's operations in order, those of a model inside in place of it."""
    is_chain = isinstance(model, keras.Sequential)
    for operation in model.layers if is_chain else model.operations:
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
        else:
            yield operation


def _on_map(
    classifier: keras.Model, end: Any, head: list[Any], ending: Callable[[Any], Any]
) -> tuple[Any, Any]:
    """Calls all layers again, on pictures of any size; the head keeps the map.

    Args:
        classifier: whose layers they are.
        end: the layer that ends the map.
        head: the operations behind it.
        ending: what is called in place of `end`.

    Returns:
        The pixels and the outputs, `(batch, rows, columns, classes)`.
    """
    replaced = {end: ending}
    # What only drops sides of one cell has nothing to do on a map.
    replaced |= {
        layer: _same
        for layer in head
        if isinstance(layer, Flatten | keras.layers.Reshape)
    }
    if isinstance(end, Flatten):
        dense = next(layer for layer in head if isinstance(layer, keras.layers.Dense))
        replaced[dense] = _as_convolution(dense, end.input.shape[1:])

    def call(operation: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(operation, keras.Sequential):
            return reduce(lambda x, layer: call(layer, x), operation.layers, *arguments)
        if isinstance(operation, keras.Model):
            operation = again(operation)
        return replaced.get(operation, operation)(*arguments, **options)

    def again(model: keras.Model) -> keras.Model:
        anywhere = keras.Input((None, None, model.input.shape[-1]), name="pixels")
        return keras.models.clone_model(
            model, anywhere, clone_function=_same, call_function=call
        )

    model = again(classifier)
    return model.input, model.output


def _as_convolution(dense: Any, shape: tuple[int, int, int]) -> keras.layers.Conv2D:
    """Returns the convolution that is `dense` on a flattened map of this shape."""
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


def _probabilities(x: Any, outputs: str) -> Any:
    if outputs == "logits":
        return keras.layers.Softmax(dtype="float32")(x)
    if outputs == "multi-label logits":
        return keras.layers.Activation("sigmoid", dtype="float32")(x)
    return x


def _spread(x: Any, window: tuple[int, int]) -> Any:
    """Turns values of windows into those of cells: the mean over all that cover it."""
    rows, columns = window
    around = keras.layers.ZeroPadding2D((rows - 1, columns - 1))
    mean = keras.layers.AveragePooling2D(window, strides=1, dtype="float32")
    return mean(around(x)) / mean(around(keras.ops.ones_like(x)))


def _same(x: Any) -> Any:
    return x
