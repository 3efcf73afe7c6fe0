"""The layers of heads that answer for places of the picture, in float32."""

from typing import Any

import keras


def convolution(size: int, channels: int, name: str, **options: Any) -> Any:
    """Returns a convolution with kernels of `size` by `size`."""
    return keras.layers.Conv2D(
        channels, size, padding="same", name=name, dtype="float32", **options
    )


def separable(channels: int, name: str) -> Any:
    """Returns a separable convolution of 3x3 with ReLU.

    It has a ninth of the weights of a full one, and takes as much less time.
    """
    return keras.layers.SeparableConv2D(
        channels, 3, padding="same", activation="relu", name=name, dtype="float32"
    )


def resized(side: int, interpolation: str, name: str) -> Any:
    """Returns a layer that brings maps to `side` by `side` places."""
    return keras.layers.Resizing(
        side, side, interpolation=interpolation, name=name, dtype="float32"
    )
