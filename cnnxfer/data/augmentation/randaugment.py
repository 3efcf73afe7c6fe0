"""RandAugment: a few of fourteen operations, all as strong as one number says.

Source: Cubuk et al., 2019, https://arxiv.org/abs/1909.13719, with the ranges of
AutoAugment, https://arxiv.org/abs/1805.09501, table 6.
"""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageEnhance, ImageOps

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.colour import recolour
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.motion import Motion, motion

HARDEST = 10  # magnitude
DEGREES, SHEAR, SHIFT, GAIN = 30, 0.3, 150 / 331, 0.9  # at the hardest

Recolouring = Callable[[Image.Image], Image.Image]

# Each takes a strength from -1 to 1. Those that move what is seen go into the view's
# one resampling; the order among the others is that in which they were drawn.
MOTIONS: dict[str, Callable[[float], Motion]] = {
    "rotate": lambda strength: motion(degrees=DEGREES * strength),
    "shear-x": lambda strength: motion(shear=(SHEAR * strength, 0)),
    "shear-y": lambda strength: motion(shear=(0, SHEAR * strength)),
    "translate-x": lambda strength: motion(shift=(SHIFT * strength, 0)),
    "translate-y": lambda strength: motion(shift=(0, SHIFT * strength)),
}
RECOLOURINGS: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "identity": lambda image, strength: image,
    "autocontrast": lambda image, strength: ImageOps.autocontrast(image),
    "equalize": lambda image, strength: ImageOps.equalize(image),
    "solarize": lambda image, strength: ImageOps.solarize(
        image, round(256 * (1 - abs(strength)))
    ),
    "posterize": lambda image, strength: ImageOps.posterize(
        image, 8 - round(4 * abs(strength))
    ),
    "brightness": lambda image, strength: recolour(
        image, brightness=1 + GAIN * strength
    ),
    "contrast": lambda image, strength: recolour(image, contrast=1 + GAIN * strength),
    "colour": lambda image, strength: recolour(image, saturation=1 + GAIN * strength),
    "sharpness": lambda image, strength: ImageEnhance.Sharpness(image).enhance(
        1 + GAIN * strength
    ),
}
OPERATIONS = (*MOTIONS, *RECOLOURINGS)


def choose_operations(
    augment: Augment, chances: KeyedRandom
) -> tuple[list[Motion], list[Recolouring]]:
    """Returns what a view goes through: each drawn from all, whatever the others."""
    motions: list[Motion] = []
    recolourings: list[Recolouring] = []
    for number in range(augment.randaugment):
        which, side = chances.of(f"randaugment {number}", 2)
        name = OPERATIONS[int(which * len(OPERATIONS))]
        strength = augment.magnitude / HARDEST * (1 if side < 0.5 else -1)
        if name in MOTIONS:
            motions.append(MOTIONS[name](strength))
        else:
            recolourings.append(_at(strength, RECOLOURINGS[name]))
    return motions, recolourings


def _at(
    strength: float, recolour: Callable[[Image.Image, float], Image.Image]
) -> Recolouring:
    return lambda image: recolour(image, strength)
