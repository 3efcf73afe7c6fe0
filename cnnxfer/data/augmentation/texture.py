"""Blur, noise and cutout."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom


def blur(image: Image.Image, augment: Augment, random: KeyedRandom) -> Image.Image:
    """Returns a view that is blurred, or unchanged.

    Args:
        image: the pixels of the view.
        augment: its `blur` is the largest radius, in pixels; half of the views are not
            blurred.
        random: what the radius is drawn from.
    """
    radius = _zero_or_up_to(augment.blur, random, "blur")
    return image.filter(ImageFilter.GaussianBlur(radius)) if radius else image


def add_noise(pixels: np.ndarray, augment: Augment, random: KeyedRandom) -> np.ndarray:
    """Returns pixels with Gaussian noise added, or unchanged.

    Args:
        pixels: uint8 `(size, size, 3)`.
        augment: its `noise` is the largest standard deviation, in levels of 255; half
            of the views get no noise.
        random: what the deviation and the noise are drawn from.

    Returns:
        uint8 `(size, size, 3)`.
    """
    deviation = _zero_or_up_to(augment.noise, random, "noise")
    if not deviation:
        return pixels
    noise = random.generator("grain").standard_normal(pixels.shape, np.float32)
    noisy = pixels + np.float32(deviation) * noise
    grainy: np.ndarray = np.rint(noisy).clip(0, 255).astype(np.uint8)
    return grainy


def cut_out(pixels: np.ndarray, augment: Augment, random: KeyedRandom) -> np.ndarray:
    """Returns pixels of which a square is covered, or unchanged.

    The middle of the square is anywhere, so part of it may lie outside of the view.

    Args:
        pixels: uint8 `(size, size, 3)`.
        augment: its `cutout` is the side of the square, as a fraction of the view's;
            its `fill_value` is the grey level that covers it.
        random: what the middle is drawn from.

    Returns:
        uint8 `(size, size, 3)`.

    Source: DeVries and Taylor, 2017, https://arxiv.org/abs/1708.04552.
    """
    if not augment.cutout:
        return pixels
    size = len(pixels)
    left, right, top, bottom = (
        int(np.clip(round(size * (middle + half)), 0, size))
        for middle in random.uniform("cutout", 2)
        for half in (-augment.cutout / 2, augment.cutout / 2)
    )
    covered = pixels.copy()
    covered[top:bottom, left:right] = augment.fill_value
    return covered


def _zero_or_up_to(bound: float, random: KeyedRandom, name: str) -> float:
    """Returns 0 for half of the views, and a number up to `bound` for the others."""
    return max(0.0, random.within(bound, name))
