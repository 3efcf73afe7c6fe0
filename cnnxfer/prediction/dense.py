"""Dense evaluation of the whole image, without cropping, by a convolutional network.

The answer is the mean of the probabilities at all positions of the network in the
image, 32 pixels apart (Simonyan and Zisserman, 2015, section 3.2,
https://arxiv.org/abs/1409.1556). Heat maps come from a second network, so the answer is
the same with and without them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.data.geometry import Geometry
from cnnxfer.data.images.picture import Picture
from cnnxfer.engines.engine import FEATURES, Network, Outputs

if TYPE_CHECKING:
    import keras

VERSION = 1  # raise it when the same network gives other answers or other cells
# Pixels between neighbouring cells of the last feature map, for every network in the
# catalog. If an image's sides differ from the network's image size by multiples of it,
# all strides and paddings align as they do at that size.
STRIDE = 32
# The longer side is at most this many times the shorter; longer images are squeezed,
# which bounds the memory that an image takes.
MAX_ASPECT_RATIO = 8


@dataclass(frozen=True)
class DenseView:
    """The view of a whole image, at the scale at which the plain view shows its middle.

    Attributes:
        central_crop: side of the plain view's square, as a share of the shorter side.
        image_size: side in pixels that the network was built for.
    """

    central_crop: float
    image_size: int

    def __call__(self, picture: Picture) -> np.ndarray:
        """Returns the pixels of an image, uint8 `(1, height, width, 3)`."""
        box = (0, 0, picture.width, picture.height)
        return picture.view(box, self.shown_size(picture.width, picture.height))[None]

    def geometries(self, width: int, height: int) -> tuple[Geometry, ...]:
        """Returns none: the whole image has one answer, without a place."""
        return ()

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """Returns the width and height in pixels at which an image is shown.

        The shorter side is `image_size / central_crop`, the longer one in proportion,
        up to `MAX_ASPECT_RATIO` times as long. Each is then rounded to `image_size`
        plus a multiple of `STRIDE`.
        """
        shorter = self.image_size / self.central_crop
        scale = shorter / min(width, height)
        return self._rounded(width * scale), self._rounded(height * scale)

    def _rounded(self, side: float) -> int:
        side = min(side, MAX_ASPECT_RATIO * self.image_size / self.central_crop)
        return self.image_size + STRIDE * round((side - self.image_size) / STRIDE)


def dense_network(network: Network) -> Network:
    """Returns a network that classifies whole images, of equal size within a batch.

    Returns:
        A network of pixels, as `DenseView` shows them, to probabilities
        `(images, classes)`; see `fully_convolutional.dense_model`.
    """
    return _derived(network, "dense", replace(network.outputs, activated=True))


def cell_network(network: Network) -> Network:
    """Returns a network that classifies each cell of an image, for heat maps.

    Returns:
        A network of pixels, as `DenseView` shows them, to probabilities
        `(images, rows, columns, classes)`; see `fully_convolutional.cell_model`.
    """
    # Engines can only compare probabilities of whole images, so cells are compared as
    # features.
    return _derived(network, "cells", FEATURES)


def _derived(network: Network, kind: str, outputs: Outputs) -> Network:
    key = hashlib.sha256(f"{kind} {VERSION} {network.key}".encode()).hexdigest()
    build = partial(_build, network, kind)
    # What Keras answered in training were the classes of whole images.
    return replace(network, key=key, build=build, outputs=outputs, kept_answers=None)


def _build(network: Network, kind: str) -> keras.Model:
    # Keras is imported only when a network is built, which is not always needed.
    from cnnxfer.networks import fully_convolutional

    builders = {
        "dense": fully_convolutional.dense_model,
        "cells": fully_convolutional.cell_model,
    }
    return builders[kind](network.build(), network.outputs)
