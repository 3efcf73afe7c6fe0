"""MixUp and CutMix: images of a batch mixed in pairs, and their labels with them."""

from __future__ import annotations

import numpy as np

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom

STEPS = 256  # shares of pixels are multiples of 1 / 256


def mix(
    pixels: np.ndarray, targets: np.ndarray, augment: Augment, chances: KeyedRandom
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a batch in which every image has something of another one.

    Args:
        pixels: uint8 `(batch, size, size, 3)`.
        targets: float32 `(batch, classes)`.
        augment: whether by MixUp or by CutMix; with both, each has half of the batches.
        chances: what pairs and shares are drawn from.

    Returns:
        Both, mixed in the same shares.
    """
    if not augment.mixup and not augment.cutmix:
        return pixels, targets
    cut = augment.cutmix and (not augment.mixup or chances.of("cutmix")[0] < 0.5)
    random = chances.generator("mixing")
    others = random.permutation(len(pixels))
    alpha = augment.cutmix if cut else augment.mixup
    shares = random.beta(alpha, alpha, len(pixels))
    if cut:
        pixels, shares = cut_mix(pixels, pixels[others], shares, random)
    else:
        pixels, shares = mix_up(pixels, pixels[others], shares)
    own = shares[:, None].astype(np.float32)
    return pixels, own * targets + (1 - own) * targets[others]


def mix_up(
    pixels: np.ndarray, others: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a weighted mean of images.

    Args:
        pixels: uint8 `(batch, height, width, 3)`.
        others: the same.
        shares: `(batch,)`, in [0, 1], of `pixels`.

    Returns:
        The mean, uint8, and the exact shares that it has.

    Source: Zhang et al., 2018, https://arxiv.org/abs/1710.09412.
    """
    own = np.rint(STEPS * shares).astype(np.uint16)[:, None, None, None]
    mixed = own * pixels + (STEPS - own) * others + np.uint16(STEPS // 2)
    return (mixed // STEPS).astype(np.uint8), own.ravel() / STEPS


def cut_mix(
    pixels: np.ndarray,
    others: np.ndarray,
    shares: np.ndarray,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns images with a rectangle of another one in each, from the same place.

    Its middle is anywhere, and what would lie outside is cut off.

    Args:
        pixels: uint8 `(batch, height, width, 3)`.
        others: the same.
        shares: `(batch,)`, in [0, 1], that `pixels` would keep if nothing were cut off.
        random: where the middles are drawn from.

    Returns:
        The images, uint8, and the exact shares that `pixels` kept.

    Source: Yun et al., 2019, https://arxiv.org/abs/1905.04899.
    """
    lengths = np.array(pixels.shape[1:3])
    halves = np.sqrt(1 - shares)[:, None] * lengths / 2
    middles = random.random((len(pixels), 2)) * lengths
    starts = np.rint((middles - halves).clip(0, lengths)).astype(int)
    ends = np.rint((middles + halves).clip(0, lengths)).astype(int)
    mixed = pixels.copy()
    for image, other, (top, left), (bottom, right) in zip(
        mixed, others, starts, ends, strict=True
    ):
        image[top:bottom, left:right] = other[top:bottom, left:right]
    cut = np.prod(ends - starts, axis=1)
    return mixed, 1 - cut / lengths.prod()
