"""Counts repetitions in the order in which images are fed."""

import numpy as np


def repetitions(order: np.ndarray) -> np.ndarray:
    """Returns how often each image of an order occurred before it in that order.

    Both are int64 `(images,)`: indices of images in the order in which they are fed,
    and 0 for the first occurrence of an image.
    """
    by_image = np.argsort(order, kind="stable")
    ranked = order[by_image]
    positions = np.arange(len(order))
    firsts = np.searchsorted(ranked, ranked)  # where the same image begins
    repeated = np.empty_like(positions)
    repeated[by_image] = positions - firsts
    return repeated
