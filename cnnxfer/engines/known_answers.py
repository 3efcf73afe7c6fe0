"""Keras's answers that are known in advance, to images that follow from a formula.

Whether a network was converted rightly is seen from any images: what a conversion gets
wrong, a layer or a weight, changes every answer. So for some published weights, Keras
has answered a few images once, in float32 on TensorFlow, and the answers came with
cnnxfer (`scripts/write_known_answers.py`). For a network that was trained, Keras
answers them at the end of training, as it is loaded then, and the run keeps the answers
with the hash of the model's file. They spare loading TensorFlow where OpenVINO answers
in float32. How much bfloat16 changes depends on the images; that is still measured on
those at hand, against float32.

They are as good a second opinion as Keras's answers of the same day: they come from
another program than OpenVINO, in another process than that which reads the file and
converts it, and the bound is a tenth of that for answers to images at hand.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np

FILE = "known_answers.npz"
# Of the largest number of an answer. In float32, only the order of sums differs: by
# 0.000005 with published weights, by 0.00007 at most with random ones whose head tells
# nearly equal features apart (`bench exporting_conversions`). Where more differs, Keras
# is asked.
MOST_APART = 1e-4


def published_answers(key: str) -> np.ndarray | None:
    """Returns Keras's answers to `formula_images` with published weights.

    Args:
        key: that of the network; see `Network`.

    Returns:
        float32 `(images, ...)`; None if they are not known.
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
    if answers.shape != expected.shape:
        return False
    apart = np.abs(answers - expected).max()
    return bool(apart <= MOST_APART * np.abs(expected).max())  # not for NaN


@cache
def _file() -> dict[str, Any]:
    path = resources.files("cnnxfer.engines") / FILE
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return dict(arrays)
