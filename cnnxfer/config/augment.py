"""The settings of data augmentation, and the presets for `--augment`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any, Literal

from cnnxfer.config.setting import setting

_amount = partial(setting, at_least=0)


@dataclass(frozen=True)
class Augment:
    """How training views differ from the image; by default, they do not.

    A view shows a square or a rectangle of the image, which one of `crop`, `area`,
    `shorter_side` and `padding` chooses. Where the fit is `letterbox` or `stretch`, it
    is one of the square that the image is fitted into. Of the other settings, each view
    draws its own amount, uniformly between minus the setting and plus the setting,
    unless it says otherwise.

    They come in this order: region, flips and motion; the operations of `randaugment`;
    `equalize`; `gamma`; light and colours, as one affine map; `median_blur`; `blur`;
    `sharpen`; `noise`; `cutout`; and, in the batch, `mixup` or `cutmix`.

    Sources: area and aspect: Szegedy et al., 2015, https://arxiv.org/abs/1409.4842;
    shorter_side: Simonyan and Zisserman, 2015, https://arxiv.org/abs/1409.1556;
    padding: He et al., 2016, https://arxiv.org/abs/1512.03385, section 4.2; light and
    colour: Howard, 2013, https://arxiv.org/abs/1312.5402; pca_noise: Krizhevsky et al.,
    2012, section 4.1,
    https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks;
    cutout: DeVries and Taylor, 2017, https://arxiv.org/abs/1708.04552; randaugment:
    Cubuk et al., 2019, https://arxiv.org/abs/1909.13719; mixup: Zhang et al., 2018,
    https://arxiv.org/abs/1710.09412; cutmix: Yun et al., 2019,
    https://arxiv.org/abs/1905.04899.
    """

    level: Literal[
        "none", "textbook", "light", "strong", "cifar", "digits", "boxes"
    ] = setting(
        "none",
        "How training views differ from the images. It is the preset from which the "
        "other settings start.",
        "--augment",
        group="Training",
    )
    crop: float | Literal["none"] = setting(
        "none",
        "Side of a random square, as a fraction of the image's shorter side; none for "
        "the central square that validation sees.",
        above=0,
        at_most=1,
    )
    area: float | Literal["none"] = setting(
        "none",
        "The smallest area of a random rectangle, as a fraction of the image's area.",
        above=0,
        at_most=1,
    )
    aspect: float = setting(
        4 / 3,
        "The largest width over height of that rectangle; the smallest is 1 / aspect.",
        at_least=1,
        at_most=4,
    )
    shorter_side: int | Literal["none"] = setting(
        "none",
        "The fewest pixels to which the image's shorter side is scaled before a random "
        "square of the network's input size is cropped.",
        at_least=1,
        at_most=4096,
    )
    shorter_side_to: int | Literal["none"] = setting(
        "none", "The most pixels for `shorter_side`.", at_least=1, at_most=4096
    )
    padding: float | Literal["none"] = setting(
        "none",
        "The border that is added around the central square, as a fraction of its "
        "side, before a random square of the same size is cropped. So the square is "
        "shifted by whole pixels of the network's input; `fill` tells what the border "
        "shows.",
        above=0,
        at_most=1,
        before="none",
    )
    flip: bool = setting(False, "Whether a random half is mirrored left to right.")
    vertical_flip: bool = setting(
        False, "Whether a random half is mirrored top to bottom."
    )
    rotation: float = _amount(0.0, "The largest rotation, in degrees.", at_most=180)
    shift: float = _amount(
        0.0,
        "The largest shift in each direction, as a fraction of the view's side.",
        at_most=1,
    )
    shear: float = _amount(
        0.0, "The largest shear in each direction, in degrees.", at_most=45
    )
    zoom: float = _amount(
        0.0,
        "The largest zoom: 0.2 shows objects up to 1.2 times larger or smaller.",
        at_most=3,
    )
    fill: Literal["nearest", "reflect", "wrap", "constant"] = setting(
        "reflect",
        "What is drawn beyond the edges of the image: the nearest pixels, the image "
        "mirrored or repeated, or a constant grey. With the fit `letterbox`, it is "
        "always grey.",
    )
    fill_value: int = _amount(
        128, "The grey level of the constant fill and of `cutout`.", at_most=255
    )
    equalize: float = _amount(
        0.0,
        "Fraction of the views whose histogram is equalized, so that dark and light "
        "levels are about equally frequent in each of red, green and blue.",
        at_most=1,
        before=0.0,
    )
    gamma: float = _amount(
        0.0,
        "The largest change of gamma: 0.5 raises all values, as fractions of 255, to "
        "a power between 1 / 1.5 and 1.5.",
        at_most=4,
        before=0.0,
    )
    brightness: float = _amount(
        0.0,
        "The largest change of brightness: 0.4 multiplies all values by 0.6 to 1.4.",
        at_most=1,
    )
    contrast: float = _amount(
        0.0,
        "The largest change of contrast: 0.4 multiplies the distance of each value "
        "from the image's mean luma by 0.6 to 1.4.",
        at_most=1,
    )
    saturation: float = _amount(
        0.0,
        "The largest change of saturation: 0.4 multiplies the distance of each value "
        "from the pixel's luma by 0.6 to 1.4.",
        at_most=1,
    )
    hue: float = _amount(
        0.0,
        "The largest rotation of the hue, in degrees of the colour circle.",
        at_most=180,
    )
    channel_shift: float = _amount(
        0.0,
        "The largest amount added to each of red, green and blue, in levels of 255; "
        "each has its own, so it is what others call an RGB shift.",
        at_most=255,
    )
    pca_noise: float = _amount(
        0.0,
        "The standard deviation of AlexNet's noise, which adds a colour to all pixels "
        "of a view, along the directions in which the colours of ImageNet vary and in "
        "proportion to how much. In the paper it is 0.1.",
        at_most=2,
        before=0.0,
    )
    greyscale: float = _amount(
        0.0, "Fraction of the views that are made grey.", at_most=1
    )
    median_blur: int = _amount(
        0,
        "The largest radius of a median filter, in pixels of the network's input: 2 "
        "makes each value the median of the 3 by 3 or 5 by 5 values around it. A "
        "random half is not filtered; large radii take long.",
        at_most=5,
        before=0,
    )
    blur: float = _amount(
        0.0,
        "The largest standard deviation of a Gaussian blur, in pixels of the network's "
        "input; a random half is not blurred.",
        at_most=20,
    )
    sharpen: float = _amount(
        0.0,
        "The largest gain of sharpness: 1 multiplies the distance of each value from "
        "the smoothed image by 1 to 2; a random half is not sharpened.",
        at_most=10,
        before=0.0,
    )
    noise: float = _amount(
        0.0,
        "The largest standard deviation of Gaussian noise, in levels of 255; a random "
        "half has no noise.",
        at_most=255,
    )
    cutout: float = _amount(
        0.0,
        "Side of a square that is covered, as a fraction of the view's side; all views "
        "have a square of this size.",
        at_most=1,
    )
    randaugment: int = _amount(
        0, "How many operations of RandAugment are applied to a view.", at_most=14
    )
    magnitude: float = _amount(5.0, "The strength of these operations.", at_most=10)
    mixup: float = _amount(
        0.0, "Alpha of MixUp, which blends two images and their labels.", at_most=10
    )
    cutmix: float = _amount(
        0.0,
        "Alpha of CutMix, which pastes a rectangle of one image into another. With "
        "`mixup`, each is applied to half of the batches.",
        at_most=10,
    )

    @cached_property  # every view needs it
    def operations(self) -> dict[str, Any]:
        """The settings that make views differ, by name; not those that do nothing."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            name: value
            for name, value in values.items()
            if name not in MODIFIERS and value not in (0, "none")
        }

    @property
    def is_cacheable(self) -> bool:
        """Whether views differ in region and flip only, so that a few can be cached."""
        of_region = {"crop", "area", "padding", "zoom", "shift"}
        return self.operations.keys() <= of_region | {"flip"}

    @property
    def is_filled(self) -> bool:
        """Whether views may reach beyond the image, where they show the `fill`."""
        return bool(self.operations.keys() & REACHING_OUT)

    @property
    def rearranges(self) -> bool:
        """Whether views show the pixels of the central view, in other places."""
        of_views = {"padding", "flip", "vertical_flip"}
        of_batches = {"mixup", "cutmix"}  # which are made of finished views
        return self.operations.keys() <= of_views | of_batches

    @property
    def region(self) -> str:
        """The one of `REGIONS` that is set; "" for none."""
        return next((name for name in REGIONS if name in self.operations), "")


# The settings that choose the visible region; at most one of them is set.
REGIONS = ("crop", "area", "shorter_side", "padding")
# The settings with which a view may reach beyond the image.
REACHING_OUT = {
    *("padding", "rotation", "shift", "shear", "zoom", "randaugment"),
}
# The settings that change nothing by themselves, but how others work.
MODIFIERS = ("level", "aspect", "shorter_side_to", "fill", "fill_value", "magnitude")
PRESETS = {
    "none": Augment(),
    "textbook": Augment("textbook", crop=0.9, flip=True),
    "light": Augment("light", crop=0.9, flip=True),
    "strong": Augment(
        "strong", area=0.35, flip=True, brightness=0.4, contrast=0.4, saturation=0.4
    ),
    # Section 4.2 of He et al., 2016: 4 pixels of 32 at each edge, of zeros after the
    # mean image was subtracted, which is about the grey of `fill_value`.
    "cifar": Augment("cifar", padding=0.125, flip=True, fill="constant"),
    # A mirrored digit or letter is none. The border is paper, be it black or white.
    "digits": Augment("digits", padding=0.125, fill="nearest"),
    # For boxes: objects of other sizes, and none without its box beyond the edges.
    "boxes": Augment("boxes", flip=True, zoom=0.5, shift=0.1, fill="constant"),
}
