"""The maps of a backbone that heads read which answer for each place of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras

from cnnxfer.errors import ConfigError
from cnnxfer.networks.graph import boundaries, kernel_size
from cnnxfer.reporting import listed
from cnnxfer.spelling import option


def with_maps(backbone: keras.Model, strides: Sequence[int]) -> keras.Model:
    """Returns the part of a backbone that leads to its maps at some strides.

    The map at a stride is the last that carries everything to the end of the network
    before its sides are halved, or what the last convolution has widened: a residual
    network's block ends there, and not in the middle of the next one.

    Args:
        backbone: a network of pixels `(batch, size, size, 3)` to a map.
        strides: powers of two, ascending: how many pixels there are for one place of
            the map, along each side.

    Returns:
        A model of the same input to a list of maps `(batch, height, width, channels)`,
        one for each stride.

    Raises:
        ConfigError: if it has no map at one of the strides.
    """
    found = maps_of(backbone)
    missing = [stride for stride in strides if stride not in found]
    if missing:
        places = listed([f"1 in {stride}" for stride in missing])
        raise ConfigError(
            f"{backbone.name} has no map with {places} pixels along each side, which "
            f"this head reads. It has: {listed([f'1 in {each}' for each in found])}. "
            f"Use a larger {option('--image-size')}, or another {option('--backbone')}."
        )
    outputs = [found[stride] for stride in strides]
    return keras.Model(backbone.input, outputs, name=backbone.name)


def maps_of(backbone: keras.Model) -> dict[int, keras.KerasTensor]:
    """Returns the maps of a backbone by their strides, ascending; see `with_maps`."""
    operations = backbone.operations
    names = [operation.name for operation in operations]
    carrying = [names.index(name) for name in boundaries(backbone)]
    at_stride: dict[int, list[int]] = {}
    for position in [*carrying, len(operations) - 1]:
        stride = _stride(backbone, operations[position])
        if stride:
            at_stride.setdefault(stride, []).append(position)
    return {
        stride: operations[_last(operations, positions)].output
        for stride, positions in sorted(at_stride.items())
    }


def _stride(backbone: keras.Model, operation: keras.Operation) -> int:
    """Returns the stride of an operation's output; 0 if it is no map."""
    shape = operation.output.shape
    # Padding enlarges a map by a row or two, and adds nothing to it.
    if len(shape) != 4 or isinstance(operation, keras.layers.ZeroPadding2D):
        return 0
    return int(2 ** round(math.log2(backbone.input_shape[1] / shape[1])))


def _last(operations: Sequence[keras.Operation], positions: Sequence[int]) -> int:
    """Returns the position of the map to read, of those at the same stride."""
    last = positions[-1]
    channels = operations[last].output.shape[-1]
    convolutions = 0  # behind the position
    for position in range(last, positions[0] - 1, -1):
        if convolutions > 1:
            break
        narrow = 2 * operations[position].output.shape[-1] <= channels
        if position in positions and narrow:
            return position
        convolutions += kernel_size(operations[position]) > 0
    return last
