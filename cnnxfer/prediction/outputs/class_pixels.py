"""The pixels of each class in a mask, for labels that tell of objects."""

from collections.abc import Iterator

import numpy as np

from cnnxfer.data.masks.class_masks import BACKGROUND
from cnnxfer.prediction.prediction import Prediction


def pixels_of_classes(prediction: Prediction) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the classes of a mask, with their pixels: bool `(height, width)`.

    A class called `BACKGROUND` is left out: where masks are drawn from outlines, it is
    what lies in none.
    """
    mask = prediction.mask
    assert mask is not None
    for index in np.unique(mask).tolist():
        if prediction.answer.class_names[index] != BACKGROUND:
            yield index, mask == index


def tight_box(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Returns the left, top, right and bottom edge around at least one pixel inside."""
    across = np.flatnonzero(pixels.any(axis=0)).tolist()
    down = np.flatnonzero(pixels.any(axis=1)).tolist()
    return across[0], down[0], across[-1] + 1, down[-1] + 1
