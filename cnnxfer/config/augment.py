"""How training views differ: single settings, and presets of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from cnnxfer.config.setting import setting

LEVELS = ("none", "textbook", "light", "strong")
FILLS = ("nearest", "reflect", "wrap", "constant")


@dataclass(frozen=True)
class Augment:
    """How training views differ. The defaults change nothing.

    What a view shows is a square or a rectangle of the picture, chosen by one of
    `crop`, `area` and `shorter_side`. Of each other setting, a view draws its own
    amount, uniformly from all up to the one given, in both directions.

    Attributes:
        level: the preset that the others start from.
        crop: side of a random square, as a share of the shorter side; 0 for the square
            in the middle that validation sees.
        area: least share of the picture that a random rectangle has; 0 for none.
        aspect: the widest shape of that rectangle, width over height; the narrowest
            is its inverse.
        shorter_side: least length in pixels to which the shorter side is scaled,
            before a square of the network's size is taken; 0 for none.
        shorter_side_to: greatest length in pixels to which the shorter side is scaled.
        flip: whether half of the views are mirrored left to right.
        vertical_flip: whether half of the views are mirrored top to bottom.
        rotation: greatest rotation, in degrees.
        shift: greatest shift across and down, as a share of the view's side.
        shear: greatest shear across and down, in degrees.
        zoom: greatest zoom; 0.2 shows things 1.2 times larger, or smaller, at most.
        fill: what is seen beyond the picture's edges: `nearest` pixels, the picture
            mirrored (`reflect`) or repeated (`wrap`), or a `constant` grey.
        fill_value: the grey of `fill` and of `cutout`, from 0 to 255.
        brightness: greatest change of brightness; 0.4 scales all values by 0.6 to 1.4.
        contrast: greatest change of contrast; 0.4 scales the distance of all values
            from the mean luma by 0.6 to 1.4.
        saturation: greatest change of saturation; 0.4 scales the distance of all
            values from the pixel's luma by 0.6 to 1.4.
        hue: greatest turn of colours, in degrees of the circle of colours.
        channel_shift: greatest amount that is added to red, green and blue each, in
            levels of 255.
        greyscale: share of the views that lose their colours.
        blur: greatest standard deviation of a blur, in pixels of the view; half of the
            views have none.
        noise: greatest standard deviation of noise, in levels of 255; half of the
            views have none.
        cutout: side of a square that is covered, as a share of the view's side; this
            amount is always the same.
        randaugment: number of operations of RandAugment that a view goes through.
        magnitude: how strong the operations of RandAugment are, from 0 to 10.
        mixup: alpha of MixUp, which blends two images and their labels; 0 for none.
        cutmix: alpha of CutMix, which puts a part of one into another; 0 for none.
            With both, half of the batches go through each.

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

    @cached_property  # every view asks
    def operations(self) -> dict[str, Any]:
        """The settings that make views differ, by name: those that are not 0."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: it for name, it in values.items() if it and name not in MANNERS}

    @property
    def plain(self) -> bool:
        """Whether views differ by region and flip alone, so that few stand for many."""
        return self.operations.keys() <= {"crop", "area", "flip"}

    @property
    def region(self) -> str:
        """The one of `REGIONS` that decides what part is seen; "" for the middle."""
        return next((name for name in REGIONS if name in self.operations), "")


# What decides where a view lies: one of them at most.
REGIONS = ("crop", "area", "shorter_side")
# How something is done that other settings ask for.
MANNERS = ("level", "aspect", "shorter_side_to", "fill", "fill_value", "magnitude")
PRESETS = {
    "none": Augment(),
    "textbook": Augment("textbook", crop=0.9, flip=True),
    "light": Augment("light", crop=0.9, flip=True),
    "strong": Augment(
        "strong", area=0.35, flip=True, brightness=0.4, contrast=0.4, saturation=0.4
    ),
}
