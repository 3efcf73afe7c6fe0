"""The settings of data augmentation, and the presets for `--augment`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from cnnxfer.config.setting import setting

LEVELS = ("none", "textbook", "light", "strong")
FILLS = ("nearest", "reflect", "wrap", "constant")


@dataclass(frozen=True)
class Augment:
    """How training views differ from the image; by default, they do not.

    A view shows a square or a rectangle of the image, which one of `crop`, `area` and
    `shorter_side` chooses. Of the other settings, each view draws its own amount,
    uniformly between minus the setting and plus the setting, unless it says otherwise.

    Attributes:
        level: the preset from which the other settings start: `none`, `textbook`,
            `light` or `strong`.
        crop: the side of a random square, as a fraction of the image's shorter side;
            0 for the central square that validation sees.
        area: the smallest area of a random rectangle, as a fraction of the image's
            area; 0 for no rectangle.
        aspect: the largest width over height of that rectangle; the smallest is
            1 / `aspect`.
        shorter_side: the smallest number of pixels to which the image's shorter side
            is scaled before a square of the network's input size is cropped; 0 for
            no such crop.
        shorter_side_to: the largest number of pixels for `shorter_side`.
        flip: whether a random half of the views is mirrored left to right.
        vertical_flip: whether a random half of the views is mirrored top to bottom.
        rotation: the largest rotation, in degrees.
        shift: the largest shift in each direction, as a fraction of the view's side.
        shear: the largest shear in each direction, in degrees.
        zoom: the largest zoom: 0.2 shows objects up to 1.2 times larger or smaller.
        fill: what is drawn beyond the edges of the image: the `nearest` pixels, the
            image mirrored (`reflect`) or repeated (`wrap`), or a `constant` grey.
        fill_value: the grey level of the `constant` fill and of `cutout`, from 0 to
            255.
        brightness: the largest change of brightness: 0.4 multiplies all values by 0.6
            to 1.4.
        contrast: the largest change of contrast: 0.4 multiplies the distance of each
            value from the image's mean luma by 0.6 to 1.4.
        saturation: the largest change of saturation: 0.4 multiplies the distance of
            each value from the pixel's luma by 0.6 to 1.4.
        hue: the largest rotation of the hue, in degrees of the colour circle.
        channel_shift: the largest amount added to each of red, green and blue, in
            levels of 255.
        greyscale: the fraction of the views that are made grey.
        blur: the largest standard deviation of a Gaussian blur, in pixels of the
            network's input; a random half of the views is not blurred.
        noise: the largest standard deviation of Gaussian noise, in levels of 255; a
            random half of the views has no noise.
        cutout: the side of a square that is covered, as a fraction of the view's
            side; all views have a square of this size.
        randaugment: how many operations of RandAugment are applied to a view.
        magnitude: the strength of these operations, from 0 to 10.
        mixup: the alpha of MixUp, which blends two images and their labels; 0 for no
            MixUp.
        cutmix: the alpha of CutMix, which pastes a rectangle of one image into
            another; 0 for no CutMix. If both are set, each is applied to half of the
            batches.

    Sources: area and aspect: Szegedy et al., 2015, https://arxiv.org/abs/1409.4842;
    shorter_side: Simonyan and Zisserman, 2015, https://arxiv.org/abs/1409.1556; light
    and colour: Howard, 2013, https://arxiv.org/abs/1312.5402; cutout: DeVries and
    Taylor, 2017, https://arxiv.org/abs/1708.04552; randaugment: Cubuk et al., 2019,
    https://arxiv.org/abs/1909.13719; mixup: Zhang et al., 2018,
    https://arxiv.org/abs/1710.09412; cutmix: Yun et al., 2019,
    https://arxiv.org/abs/1905.04899.
    """

    level: str = setting("none", "--augment", choices=LEVELS)
    crop: float = setting(0.0, at_least=0, at_most=1)
    area: float = setting(0.0, at_least=0, at_most=1)
    aspect: float = setting(4 / 3, at_least=1, at_most=4)
    shorter_side: int = setting(0, at_least=0, at_most=4096)
    shorter_side_to: int = setting(0, at_least=0, at_most=4096)
    flip: bool = setting(False)
    vertical_flip: bool = setting(False)
    rotation: float = setting(0.0, at_least=0, at_most=180)
    shift: float = setting(0.0, at_least=0, at_most=1)
    shear: float = setting(0.0, at_least=0, at_most=45)
    zoom: float = setting(0.0, at_least=0, at_most=3)
    fill: str = setting("reflect", choices=FILLS)
    fill_value: int = setting(128, at_least=0, at_most=255)
    brightness: float = setting(0.0, at_least=0, at_most=1)
    contrast: float = setting(0.0, at_least=0, at_most=1)
    saturation: float = setting(0.0, at_least=0, at_most=1)
    hue: float = setting(0.0, at_least=0, at_most=180)
    channel_shift: float = setting(0.0, at_least=0, at_most=255)
    greyscale: float = setting(0.0, at_least=0, at_most=1)
    blur: float = setting(0.0, at_least=0, at_most=20)
    noise: float = setting(0.0, at_least=0, at_most=255)
    cutout: float = setting(0.0, at_least=0, at_most=1)
    randaugment: int = setting(0, at_least=0, at_most=14)
    magnitude: float = setting(5.0, at_least=0, at_most=10)
    mixup: float = setting(0.0, at_least=0, at_most=10)
    cutmix: float = setting(0.0, at_least=0, at_most=10)

    @cached_property  # every view needs it
    def operations(self) -> dict[str, Any]:
        """The settings that make views differ and are not 0, by name."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            name: value
            for name, value in values.items()
            if value and name not in MODIFIERS
        }

    @property
    def is_cacheable(self) -> bool:
        """Whether views differ in region and flip only, so that a few can be cached."""
        return self.operations.keys() <= {"crop", "area", "flip"}

    @property
    def region(self) -> str:
        """The one of `REGIONS` that is set; "" for the central square."""
        return next((name for name in REGIONS if name in self.operations), "")


# The settings that choose the visible region; at most one of them is set.
REGIONS = ("crop", "area", "shorter_side")
# The settings that change nothing by themselves, but how others work.
MODIFIERS = ("level", "aspect", "shorter_side_to", "fill", "fill_value", "magnitude")
PRESETS = {
    "none": Augment(),
    "textbook": Augment("textbook", crop=0.9, flip=True),
    "light": Augment("light", crop=0.9, flip=True),
    "strong": Augment(
        "strong", area=0.35, flip=True, brightness=0.4, contrast=0.4, saturation=0.4
    ),
}
