"""A MobileNet of four blocks, in whose place tests train nothing deeper.

Tracing, saving and loading a network takes a time that grows with its depth, and
what phases of training do to a network does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import pytest
from keras import layers

FILTERS = (64, 128, 256, 1024)  # of the blocks; as many features as MobileNet has


def shallow_mobilenet(
    *, input_shape: tuple[int, int, int], alpha: float = 1.0, **_: object
) -> keras.Model:
    """Builds the network without its head; layers have the names that MobileNet's have.

    Takes the arguments of `keras.applications.MobileNet`.
    """

    def norm_relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
        return layers.ReLU(6.0, name=f"{name}_relu")(x)

    pixels = keras.Input(input_shape)
    x = layers.Conv2D(8, 3, 2, "same", use_bias=False, name="conv1")(pixels)
    x = norm_relu(x, "conv1")
    for number, filters in enumerate(FILTERS, 1):
        name = f"conv_dw_{number}"
        x = layers.DepthwiseConv2D(3, 2, "same", use_bias=False, name=name)(x)
        x = norm_relu(x, name)
        name = f"conv_pw_{number}"
        x = layers.Conv2D(int(alpha * filters), 1, use_bias=False, name=name)(x)
        x = norm_relu(x, name)
    return keras.Model(pixels, x)


@contextmanager
def in_place_of_mobilenet() -> Iterator[None]:
    """Has every MobileNet V1 of the catalog built as a shallow one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "MobileNet", shallow_mobilenet)
        yield


def give_norms_what_they_see(network: keras.Model) -> None:
    """Sets the statistics of all norms to those of noise, as in a trained network.

    With fresh ones, features are near 1e-17, and nothing would learn.
    """
    size = network.input_shape[1]
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    noise = np.random.default_rng(0).uniform(-1, 1, (32, size, size, 3))
    network(noise.astype(np.float32), training=True)
