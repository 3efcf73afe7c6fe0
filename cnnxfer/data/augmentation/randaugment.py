"""RandAugment: a few of fourteen operations, all with the same magnitude.

Source: Cubuk et al., 2019, https://arxiv.org/abs/1909.13719, with the ranges of
AutoAugment, https://arxiv.org/abs/1805.09501, table 6.
"""

from collections.abc import Callable
from functools import partial

from PIL import Image, ImageOps

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.colour import recolour
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.motion import Motion, motion
from cnnxfer.data.augmentation.texture import change_sharpness

MAX_MAGNITUDE = 10
DEGREES, SHEAR, SHIFT, GAIN = 30, 0.3, 150 / 331, 0.9  # at the highest magnitude

Recolouring = Callable[[Image.Image], Image.Image]

# Each takes a strength from -1 to 1. Motions are combined into the view's only
# resampling; the other operations are applied in the order in which they were drawn.
MOTIONS: dict[str, Callable[[float], Motion]] = {
    "rotate": lambda strength: motion(degrees=DEGREES * strength),
    "shear-x": lambda strength: motion(shear=(SHEAR * strength, 0)),
    "shear-y": lambda strength: motion(shear=(0, SHEAR * strength)),
    "translate-x": lambda strength: motion(shift=(SHIFT * strength, 0)),
    "translate-y": lambda strength: motion(shift=(0, SHIFT * strength)),
}
RECOLOURINGS: dict[str, Callable[..., Image.Image]] = {
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
    "sharpness": lambda image, strength: change_sharpness(image, 1 + GAIN * strength),
}
OPERATIONS = (*MOTIONS, *RECOLOURINGS)


def choose_operations(
    augment: Augment, random: KeyedRandom
) -> tuple[list[Motion], list[Recolouring]]:
    """Returns the operations of a view, each drawn independently from all of them.

    They are motions and changes of colours, in the order in which they were drawn.
    """
    motions: list[Motion] = []
    recolourings: list[Recolouring] = []
    for number in range(augment.randaugment):
        operation, sign = random.uniform(f"randaugment {number}", 2)
        name = OPERATIONS[int(operation * len(OPERATIONS))]
        strength = augment.magnitude / MAX_MAGNITUDE * (1 if sign < 0.5 else -1)
        if name in MOTIONS:
            motions.append(MOTIONS[name](strength))
        else:
            recolourings.append(partial(RECOLOURINGS[name], strength=strength))
    return motions, recolourings
