"""Blur, sharpening, noise and cutout."""

import math

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom


def median_blur(
    image: Image.Image, augment: Augment, random: KeyedRandom
) -> Image.Image:
    """Returns a view, half of the time filtered by medians, up to `median_blur`."""
    radius = math.ceil(_zero_or_up_to(augment.median_blur, random, "median_blur"))
    return image.filter(ImageFilter.MedianFilter(2 * radius + 1)) if radius else image


def blur(image: Image.Image, augment: Augment, random: KeyedRandom) -> Image.Image:
    """Returns a view, half of the time blurred by a radius of up to `blur` pixels."""
    radius = _zero_or_up_to(augment.blur, random, "blur")
    return image.filter(ImageFilter.GaussianBlur(radius)) if radius else image


def sharpen(image: Image.Image, augment: Augment, random: KeyedRandom) -> Image.Image:
    """Returns a view, half of the time sharper by a gain of up to `sharpen`."""
    gain = _zero_or_up_to(augment.sharpen, random, "sharpen")
    return change_sharpness(image, 1 + gain) if gain else image


def change_sharpness(image: Image.Image, factor: float) -> Image.Image:
    """Returns an image whose distance from itself, smoothed, is multiplied."""
    return ImageEnhance.Sharpness(image).enhance(factor)


def add_noise(pixels: np.ndarray, augment: Augment, random: KeyedRandom) -> np.ndarray:
    """Returns pixels with Gaussian noise added; half of the views get none.

    `noise` is the largest standard deviation, in levels of 255. Pixels are uint8
    `(size, size, 3)`.
    """
    deviation = _zero_or_up_to(augment.noise, random, "noise")
    if not deviation:
        return pixels
    noise = random.generator("grain").standard_normal(pixels.shape, np.float32)
    noisy = pixels + np.float32(deviation) * noise
    grainy: np.ndarray = np.rint(noisy).clip(0, 255).astype(np.uint8)
    return grainy


def cut_out(pixels: np.ndarray, augment: Augment, random: KeyedRandom) -> np.ndarray:
    """Returns pixels, uint8 `(size, size, 3)`, of which a square is covered.

    Its side is `cutout`, a fraction of the view's; `fill_value` covers it. Its middle
    is anywhere, so part of it may lie outside of the view.

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
