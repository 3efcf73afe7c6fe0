"""Dense evaluation: the whole picture, without cropping, by networks of any size.

The answer is the mean of the probabilities at all positions of the network in the
picture, 32 pixels apart (Simonyan and Zisserman, 2015, section 3.2,
https://arxiv.org/abs/1409.1556). Heat maps come from a network of their own beside
it, so that nothing about the answer depends on whether they are wanted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.data.images.picture import Picture
from cnnxfer.engines.engine import MULTI_LABEL, Network, Outputs

if TYPE_CHECKING:
    import keras

VERSION = 1  # raised when the same network gives other answers, or other cells
# Pixels between neighbours on the last map of every network in the catalog. Where
# sides differ from the native one by multiples of it, all strides and paddings fall
# as they do there.
STRIDE = 32
# Times the shorter side; a longer picture is squeezed. A row of 10 plain views is what
# a batch of them takes in memory.
LONGEST = 8


@dataclass(frozen=True)
class DenseView:
    """The whole picture, at the scale at which the plain view sees its middle.

    Attributes:
        central_crop: side of the plain view's square, of the shorter side.
        image_size: side in pixels that the network was built for.
    """

    central_crop: float
    image_size: int

    def __call__(self, picture: Picture) -> np.ndarray:
        """Returns its pixels, uint8 `(1, height, width, 3)`.

        Raises:
            DataError: if the picture is truncated or corrupt; the message is the
                reason alone.
        """
        box = (0, 0, picture.width, picture.height)
        return picture.view(box, self.shown_size(picture.width, picture.height))[None]

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """Returns the width and height in pixels at which a picture is shown.

        The shorter side is `image_size / central_crop`, the longer one in proportion,
        up to `LONGEST` times as long; each is then rounded to the native side and a
        multiple of `STRIDE` more.
        """
        shorter = self.image_size / self.central_crop
        scale = shorter / min(width, height)
        return self._rounded(width * scale), self._rounded(height * scale)

    def _rounded(self, side: float) -> int:
        side = min(side, LONGEST * self.image_size / self.central_crop)
        return self.image_size + STRIDE * round((side - self.image_size) / STRIDE)


def dense_network(network: Network) -> Network:
    """Describes the classifier for whole pictures, one or more of equal size at a time.

    Args:
        network: a classifier, for pictures of one size.

    Returns:
        What gives probabilities `(pictures, classes)` to pixels as `DenseView` shows
        them; see `fully_convolutional.dense_model`.
    """
    several = network.outputs in MULTI_LABEL
    outputs: Outputs = "multi-label probabilities" if several else "probabilities"
    return _derived(network, "dense", outputs)


def cell_network(network: Network) -> Network:
    """Describes what tells the class at each cell of the picture, for heat maps.

    Args:
        network: a classifier, for pictures of one size.

    Returns:
        What gives probabilities `(pictures, rows, columns, classes)` to pixels as
        `DenseView` shows them; see `fully_convolutional.cell_model`.
    """
    # Engines compare probabilities of pictures; cells are as good as features to them.
    return _derived(network, "cells", "features")


def _derived(network: Network, way: str, outputs: Outputs) -> Network:
    key = hashlib.sha256(f"{way} {VERSION} {network.key}".encode()).hexdigest()
    build = partial(_build, network, way)
    return replace(network, key=key, build=build, outputs=outputs)


def _build(network: Network, way: str) -> keras.Model:
    # Keras is imported by who builds a network; not everybody has to.
    from cnnxfer.networks import fully_convolutional

    ways = {
        "dense": fully_convolutional.dense_model,
        "cells": fully_convolutional.cell_model,
    }
    return ways[way](network.build(), network.outputs)
