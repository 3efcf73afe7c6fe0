"""The layers of a network as a graph: where it is narrow, and what they cost."""

import math
from typing import Any

import keras


def boundaries(backbone: keras.Model) -> list[str]:
    """Returns the names of the layers after which a backbone can be cut, in order.

    These are the layers that lie on every path from the pixels to the features, except
    for the last layer, whose output the head reads. Where the head reads maps before
    it, too, a cut has those with it; see `tensors_at`.
    """
    operations = backbone.operations
    position = places_of(backbone)
    last_reader = list(range(len(operations)))
    for reader, operation in enumerate(operations):
        for tensor in _inputs(operation):
            last_reader[position[tensor]] = reader
    names = []
    farthest_reader = 0  # the last operation that reads a tensor from before `i`
    for i, operation in enumerate(operations[:-1]):
        is_input = isinstance(operation, keras.layers.InputLayer)
        if farthest_reader <= i and not is_input:
            names.append(operation.name)
        farthest_reader = max(farthest_reader, last_reader[i])
    return names


def multiply_adds(backbone: keras.Model) -> list[int]:
    """Returns each operation's number of multiply-adds for one image, in order.

    Every number of a kernel is used once at each position of the output.
    """
    return [
        math.prod(operation.output.shape[1:-1]) * kernel_size(operation)
        for operation in backbone.operations
    ]


def kernel_size(operation: keras.Operation) -> int:
    """Returns how many numbers the kernels of a layer have; 0 if it has none."""
    return sum(
        math.prod(weight.shape)
        for weight in getattr(operation, "weights", ())
        if len(weight.shape) > 1
    )


def places_of(backbone: keras.Model) -> dict[Any, int]:
    """Returns the position of the layer that each tensor comes from."""
    return {operation.output: i for i, operation in enumerate(backbone.operations)}


def _inputs(operation: Any) -> list[Any]:
    """Returns the tensors that an operation reads."""
    if isinstance(operation, keras.layers.InputLayer):
        return []
    inputs: list[Any] = keras.tree.flatten(operation.input)
    return inputs
