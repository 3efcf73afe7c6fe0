"""The order in which images are fed, and how often each of them came before."""

from __future__ import annotations

import numpy as np


def repetitions(order: np.ndarray) -> np.ndarray:
    """Returns how often each image of an order came before: 0 for its first time.

    Args:
        order: int64 `(images,)`; indices of images.

    Returns:
        int64 `(images,)`.
    """
    by_image = np.argsort(order, kind="stable")
    ranked = order[by_image]
    places = np.arange(len(order))
    firsts = np.searchsorted(ranked, ranked)  # where the same image begins
    repeated = np.empty_like(places)
    repeated[by_image] = places - firsts
    return repeated
