"""Random changes of tones: what becomes of a value depends on the value alone."""

import numpy as np
from PIL import Image, ImageOps

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom


def change_tones(
    image: Image.Image, augment: Augment, random: KeyedRandom
) -> Image.Image:
    """Returns an RGB image, at random with an equalized histogram and another gamma."""
    if augment.equalize and random.uniform("equalize")[0] < augment.equalize:
        image = ImageOps.equalize(image)
    if augment.gamma:
        exponent = (1 + augment.gamma) ** random.within(1, "gamma")
        image = change_gamma(image, exponent)
    return image


def change_gamma(image: Image.Image, exponent: float) -> Image.Image:
    """Returns an RGB image whose values, as fractions of 255, are raised to a power.

    Black and white stay as they are; an exponent above 1 darkens what lies between.
    """
    levels = 255 * (np.arange(256) / 255) ** exponent
    return image.point(np.rint(levels).astype(int).tolist() * 3)
