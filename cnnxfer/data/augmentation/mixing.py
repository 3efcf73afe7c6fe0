"""MixUp and CutMix, which mix the images of a batch in pairs, and their labels."""

from __future__ import annotations

import numpy as np

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom

STEPS = 256  # MixUp rounds shares to multiples of 1 / 256


def mix(
    pixels: np.ndarray, targets: np.ndarray, augment: Augment, random: KeyedRandom
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a batch in which every image is mixed with another one.

    Args:
        pixels: uint8 `(batch, size, size, 3)`.
        targets: float32 `(batch, classes)`.
        augment: its `mixup` and `cutmix` are used; with both, each has half of the
            batches, and with neither, the batch is returned unchanged.
        random: what pairs and shares are drawn from.

    Returns:
        Pixels and targets in the same shapes and dtypes, mixed in the same shares.
    """
    if not augment.mixup and not augment.cutmix:
        return pixels, targets
    cut = augment.cutmix and (not augment.mixup or random.uniform("cutmix")[0] < 0.5)
    generator = random.generator("mixing")
    others = generator.permutation(len(pixels))
    alpha = augment.cutmix if cut else augment.mixup
    shares = generator.beta(alpha, alpha, len(pixels))
    if cut:
        pixels, shares = cut_mix(pixels, pixels[others], shares, generator)
    else:
        pixels, shares = mix_up(pixels, pixels[others], shares)
    own = shares[:, None].astype(np.float32)
    return pixels, own * targets + (1 - own) * targets[others]


def mix_up(
    pixels: np.ndarray, others: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns weighted means of pairs of images.

    Args:
        pixels: uint8 `(batch, height, width, 3)`, the first images.
        others: uint8 `(batch, height, width, 3)`, the second images.
        shares: `(batch,)`, the weights of the first images, in [0, 1].

    Returns:
        The means, uint8 `(batch, height, width, 3)`, and the exact weights of the
        first images after rounding, `(batch,)`.

    Source: Zhang et al., 2018, https://arxiv.org/abs/1710.09412.
    """
    own = np.rint(STEPS * shares).astype(np.uint16)[:, None, None, None]
    mixed = own * pixels + (STEPS - own) * others + np.uint16(STEPS // 2)
    return (mixed // STEPS).astype(np.uint8), own.ravel() / STEPS


def cut_mix(
    pixels: np.ndarray,
    others: np.ndarray,
    shares: np.ndarray,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns images in which a rectangle is replaced by that of another image.

    The middle of the rectangle is anywhere in the image; what would lie outside of the
    image is cut off.

    Args:
        pixels: uint8 `(batch, height, width, 3)`, the images.
        others: uint8 `(batch, height, width, 3)`, where the rectangles are taken from.
        shares: `(batch,)`, in [0, 1]: the share of pixels that each image keeps if
            nothing of its rectangle is cut off.
        generator: what the middles are drawn from.

    Returns:
        The images, uint8 `(batch, height, width, 3)`, and the exact shares of pixels
        that they kept, `(batch,)`.

    Source: Yun et al., 2019, https://arxiv.org/abs/1905.04899.
    """
    lengths = np.array(pixels.shape[1:3])
    halves = np.sqrt(1 - shares)[:, None] * lengths / 2
    middles = generator.random((len(pixels), 2)) * lengths
    starts = np.rint((middles - halves).clip(0, lengths)).astype(int)
    ends = np.rint((middles + halves).clip(0, lengths)).astype(int)
    mixed = pixels.copy()
    for image, other, (top, left), (bottom, right) in zip(
        mixed, others, starts, ends, strict=True
    ):
        image[top:bottom, left:right] = other[top:bottom, left:right]
    cut = np.prod(ends - starts, axis=1)
    return mixed, 1 - cut / lengths.prod()
