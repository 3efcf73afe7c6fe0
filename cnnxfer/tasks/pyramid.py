"""A pyramid of features: fine maps that know what the coarse ones have seen."""

from collections.abc import Sequence
from typing import Any

import keras

from cnnxfer.tasks.dense_layers import convolution, resized, separable

WIDTH = 96  # channels of each map


def feature_pyramid(maps: Sequence[Any]) -> list[Any]:
    """Returns maps of `WIDTH` channels, each with all that coarser ones know.

    Coarse maps know what is shown, and fine ones where. So each map gets as many
    channels as the others by a 1x1 convolution, the coarser map, enlarged, is added,
    and a separable convolution smooths the sum (Lin et al., 2017, figure 3,
    https://arxiv.org/abs/1612.03144, with separable convolutions in place of full
    ones).

    Args:
        maps: Keras tensors `(batch, side, side, channels)`, from fine to coarse.

    Returns:
        Tensors `(batch, side, side, WIDTH)` in the same order.
    """
    levels: list[Any] = []
    for map in reversed(maps):
        side = map.shape[1]
        x = convolution(1, WIDTH, f"lateral_{side}")(map)
        if levels:
            above = resized(side, "nearest", f"enlarge_{side}")(levels[0])
            x = keras.layers.Add(name=f"add_{side}", dtype="float32")([x, above])
        levels.insert(0, x)
    return [separable(WIDTH, f"smooth_{x.shape[1]}")(x) for x in levels]
