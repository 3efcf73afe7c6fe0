"""Pictures made of pictures, where there are too few of them."""

from __future__ import annotations

import numpy as np
from PIL import Image

# Sides of the crops, as shares of the picture's: from a detail to nearly all of it.
SIDES = (0.4, 1.0)
BRIGHTNESS = (0.6, 1.4)


def variants(pixels: np.ndarray, count: int) -> np.ndarray:
    """Returns pictures, then crops of them, some mirrored, brighter or darker.

    The same pictures always give the same variants.

    Args:
        pixels: uint8 `(images, height, width, 3)`, at least one image.
        count: how many to return.

    Returns:
        uint8 `(count, height, width, 3)`.
    """
    made = [
        _variant(pixels[number % len(pixels)], number)
        for number in range(len(pixels), count)
    ]
    return np.stack([*pixels[:count], *made])


def _variant(picture: np.ndarray, number: int) -> np.ndarray:
    random = np.random.default_rng(number)
    height, width = picture.shape[:2]
    share = random.uniform(*SIDES)
    left, top = random.uniform(0, 1 - share, 2)
    box = (left, top, left + share, top + share) * np.array([width, height] * 2)
    crop = Image.fromarray(picture).resize((width, height), box=tuple(box))
    mirrored = np.asarray(crop)[:, :: random.choice([-1, 1])]
    bright = mirrored * random.uniform(*BRIGHTNESS)
    return bright.clip(0, 255).round().astype(np.uint8)
