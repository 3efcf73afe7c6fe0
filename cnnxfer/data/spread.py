"""Some of many pictures, from all over a list."""

from collections.abc import Sequence

import numpy as np

from cnnxfer.data.dataset import Example


def spread(examples: Sequence[Example], count: int) -> list[Example]:
    """Returns at most `count` pictures from all over a list, in its order."""
    return [examples[at] for at in evenly_spaced(len(examples), count)]


def evenly_spaced(items: int, count: int) -> np.ndarray:
    """Returns at most `count` indices below `items`, evenly spaced, as int64."""
    return np.linspace(0, items - 1, min(items, count)).round().astype(int)
