"""MixUp and CutMix, which mix the images of a batch in pairs, and their labels."""

import numpy as np

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom

STEPS = 256  # MixUp rounds shares to multiples of 1 / 256


def mix(
    pixels: np.ndarray, targets: np.ndarray, augment: Augment, random: KeyedRandom
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a batch in which every image is mixed with another one.

    Pixels, uint8 `(batch, size, size, 3)`, and targets, float32 `(batch, classes)`,
    keep their shapes and dtypes, and are mixed in the same shares. With both `mixup`
    and `cutmix`, each has half of the batches; with neither, the batch is returned
    unchanged.
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
    """Returns weighted means of pairs of images, uint8 `(batch, height, width, 3)`.

    The weights of the first images, `(batch,)` in [0, 1], are returned as they are
    after rounding.

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
    """Returns images, each with a rectangle of another one, and the shares they kept.

    Images are uint8 `(batch, height, width, 3)`. Each would keep its share, `(batch,)`
    in [0, 1], of its pixels. But the middle of the rectangle is anywhere in the image,
    and what would lie outside is cut off; the shares that are returned are exact.

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
