"""Some of many pictures, from all over a list."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from cnnxfer.data.dataset import Example


def spread(examples: Sequence[Example], count: int) -> list[Example]:
    """Returns at most `count` pictures from all over a list, in its order."""
    if len(examples) <= count:
        return list(examples)
    at = partial(np.linspace, 0, len(examples) - 1)
    return [examples[place] for place in at(count).round().astype(int)]
