"""Blur, noise, and a part that is covered."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom


def blur(image: Image.Image, augment: Augment, chances: KeyedRandom) -> Image.Image:
    """Returns a view out of focus, or as it is."""
    radius = _half(augment.blur, chances, "blur")
    return image.filter(ImageFilter.GaussianBlur(radius)) if radius else image


def add_noise(pixels: np.ndarray, augment: Augment, chances: KeyedRandom) -> np.ndarray:
    """Returns uint8 pixels with Gaussian noise, or as they are."""
    deviation = _half(augment.noise, chances, "noise")
    if not deviation:
        return pixels
    noise = chances.generator("grain").standard_normal(pixels.shape, np.float32)
    noisy = pixels + np.float32(deviation) * noise
    grainy: np.ndarray = np.rint(noisy).clip(0, 255).astype(np.uint8)
    return grainy


def cut_out(pixels: np.ndarray, augment: Augment, chances: KeyedRandom) -> np.ndarray:
    """Returns uint8 `(size, size, 3)` with a square covered, or as it is.

    Its middle is anywhere, so that a part of it may lie outside (DeVries and Taylor,
    2017, https://arxiv.org/abs/1708.04552).
    """
    if not augment.cutout:
        return pixels
    size = len(pixels)
    left, right, top, bottom = (
        int(np.clip(round(size * (middle + half)), 0, size))
        for middle in chances.of("cutout", 2)
        for half in (-augment.cutout / 2, augment.cutout / 2)
    )
    covered = pixels.copy()
    covered[top:bottom, left:right] = augment.fill_value
    return covered


def _half(bound: float, chances: KeyedRandom, name: str) -> float:
    """Returns 0 for half of the views, for the others up to `bound`."""
    return max(0.0, chances.within(bound, name))
