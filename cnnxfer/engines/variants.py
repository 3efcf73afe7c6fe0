"""Variants of images, for comparisons where there are too few real images."""

import numpy as np
from PIL import Image

# Range of a crop's sides, as shares of the image's sides.
SIDES = (0.4, 1.0)
BRIGHTNESS = (0.6, 1.4)  # range of the factor


def variants(pixels: np.ndarray, count: int) -> np.ndarray:
    """Returns the images, then crops of them, some mirrored, brighter or darker.

    There are `count` of them, uint8 `(count, height, width, 3)`; the same images always
    give the same variants.
    """
    made = [
        _variant(pixels[number % len(pixels)], number)
        for number in range(len(pixels), count)
    ]
    return np.stack([*pixels[:count], *made])


def _variant(image: np.ndarray, number: int) -> np.ndarray:
    random = np.random.default_rng(number)
    height, width = image.shape[:2]
    share = random.uniform(*SIDES)
    left, top = random.uniform(0, 1 - share, 2)
    box = (left, top, left + share, top + share) * np.array([width, height] * 2)
    crop = Image.fromarray(image).resize((width, height), box=tuple(box))
    mirrored = np.asarray(crop)[:, :: random.choice([-1, 1])]
    bright = mirrored * random.uniform(*BRIGHTNESS)
    return bright.clip(0, 255).round().astype(np.uint8)
