"""Keras's answers that are known in advance, to images that follow from a formula.

Whether a network was converted rightly is seen from any images: what a conversion gets
wrong, a layer or a weight, changes every answer. So for some published weights, Keras
has answered a few images once, in float32 on TensorFlow, and the answers came with
cnnxfer (`scripts/write_known_answers.py`). They spare loading TensorFlow where OpenVINO
answers in float32. How much bfloat16 changes depends on the images; that is still
measured on those at hand, against float32.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np

FILE = "known_answers.npz"
# Of the largest number of an answer. In float32, only the order of sums differs: by
# 0.000005 at most, over all networks of the catalog.
MOST_APART = 1e-4


def known_answers(key: str) -> np.ndarray | None:
    """Returns Keras's answers to `formula_images`, float32 `(images, ...)`.

    Args:
        key: that of the network; see `Network`.

    Returns:
        None if they are not known.
    """
    return _file().get(key)


def formula_images(size: int) -> np.ndarray:
    """Returns images that are the same on every machine: waves of several lengths.

    Args:
        size: their side in pixels.

    Returns:
        uint8 `(4, size, size, 3)`.
    """
    row, column = np.indices((size, size), np.int64)
    waves = [
        row * row + column * column,
        row * column * 3 + 7 * row,
        (row - column) ** 2 + 40 * column,
        (row // 9 + column // 7) * 61 + row * 2,
    ]
    images = np.stack([np.stack([w // 29, w // 17, w // 11], -1) for w in waves])
    pixels: np.ndarray = (255 - np.abs(images % 511 - 255)).astype(np.uint8)
    return pixels


def are_known(answers: np.ndarray, expected: np.ndarray) -> bool:
    """Tells whether answers are those that are known."""
    apart = np.abs(answers - expected).max()
    return bool(apart <= MOST_APART * np.abs(expected).max())  # not for NaN


@cache
def _file() -> dict[str, Any]:
    path = resources.files("cnnxfer.engines") / FILE
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return dict(arrays)
