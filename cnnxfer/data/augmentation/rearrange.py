"""Views that show another view's pixels in other places: mirrored, padded and cropped.

No pixel gets another value, so what was resized once serves in every epoch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.warp import pad
from cnnxfer.data.geometry import Geometry


class Arrangement(NamedTuple):
    """How a view is mirrored, then padded, then cropped to its size again.

    Attributes:
        flip: whether it is mirrored left to right.
        vertical_flip: whether it is mirrored top to bottom.
        padding: how many pixels are added at each edge.
        left: how many columns are then cropped at the left edge, at most 2 * padding.
        top: how many rows are then cropped at the upper edge, at most 2 * padding.
    """

    flip: bool = False
    vertical_flip: bool = False
    padding: int = 0
    left: int = 0
    top: int = 0

    def moved(self, geometry: Geometry) -> Geometry:
        """Returns the geometry of a view after its padding and cropping."""
        steps = np.array([self.left - self.padding, self.top - self.padding])
        ways = np.array([geometry.across, geometry.down])
        middle = np.array(geometry.middle) + steps @ ways / geometry.size
        return dataclasses.replace(geometry, middle=tuple(middle.tolist()))


def choose_arrangement(augment: Augment, random: KeyedRandom, size: int) -> Arrangement:
    """Returns a random arrangement of a view, whose side has `size` pixels."""
    across, down, chance = random.uniform(count=3)
    padding = 0 if augment.padding == "none" else round(augment.padding * size)
    return Arrangement(
        flip=augment.flip and chance < 0.5,
        vertical_flip=(
            augment.vertical_flip and random.uniform("vertical_flip")[0] < 0.5
        ),
        padding=padding,
        left=int(across * (2 * padding + 1)),
        top=int(down * (2 * padding + 1)),
    )


def rearranged(
    pixels: np.ndarray, arrangements: Sequence[Arrangement], augment: Augment
) -> np.ndarray:
    """Returns views, each arranged in its own way; all have the same padding.

    Args:
        pixels: the views, uint8 `(batch, size, size, 3)`.
        arrangements: one for each view.
        augment: its `fill` and `fill_value` are what is padded with.

    Returns:
        uint8 `(batch, size, size, 3)`.
    """
    size, border = pixels.shape[1], arrangements[0].padding
    padded = pad(
        pixels,
        ((0, 0), (border, border), (border, border), (0, 0)),
        fill=augment.fill,
        fill_value=augment.fill_value,
    )
    result = np.empty_like(pixels)
    for view, source, how in zip(result, padded, arrangements, strict=True):
        # A padded view is symmetric, so that it may be mirrored after the padding.
        mirrored = source[:: -1 if how.vertical_flip else 1, :: -1 if how.flip else 1]
        view[:] = mirrored[how.top : how.top + size, how.left : how.left + size]
    return result
