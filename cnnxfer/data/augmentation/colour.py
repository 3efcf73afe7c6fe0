"""Light and colours: all changes that are linear are one matrix."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom

# ITU-R BT.601: how bright red, green and blue are; Pillow's mode L is the same.
LUMA = np.array([0.299, 0.587, 0.114])
GREY_AXIS = np.full(3, 1 / math.sqrt(3))
SETTINGS = (
    *("brightness", "contrast", "saturation", "hue"),
    *("channel_shift", "greyscale"),
)


def change_colours(
    image: Image.Image, augment: Augment, chances: KeyedRandom
) -> Image.Image:
    """Returns a view, of mode RGB, in other light and colours."""
    if not any(getattr(augment, name) for name in SETTINGS):
        return image
    shift = [chances.within(augment.channel_shift, f"channel {i}") for i in range(3)]
    grey = augment.greyscale and chances.of("greyscale")[0] < augment.greyscale
    return recolour(
        image,
        brightness=1 + chances.within(augment.brightness, "brightness"),
        contrast=1 + chances.within(augment.contrast, "contrast"),
        saturation=0 if grey else 1 + chances.within(augment.saturation, "saturation"),
        hue=chances.within(augment.hue, "hue"),
        shift=shift,
    )


def recolour(
    image: Image.Image,
    *,
    brightness: float = 1,
    contrast: float = 1,
    saturation: float = 1,
    hue: float = 0,
    shift: tuple[float, ...] | list[float] = (0, 0, 0),
) -> Image.Image:
    """Returns an image of mode RGB in other light and colours.

    Args:
        image: of mode RGB.
        brightness: scales all values.
        contrast: scales their distance from the picture's mean luma.
        saturation: scales their distance from the pixel's own luma.
        hue: in degrees, by which colours are turned about the axis of greys.
        shift: added to red, green and blue in the end, in levels of 255.
    """
    # One linear map does all: the colours are turned, then x -> saturate @ x, then
    # x -> x * brightness * contrast + what keeps the mean luma where it was.
    saturate = saturation * np.eye(3) + (1 - saturation) * LUMA
    colours = saturate @ turn_hue(hue)
    mean = brightness * (LUMA @ colours @ mean_colour(image)) if contrast != 1 else 0
    offset = (1 - contrast) * mean + np.array(shift)
    matrix = np.column_stack([brightness * contrast * colours, offset])
    return image.convert("RGB", tuple(matrix.ravel().tolist()))


def turn_hue(degrees: float) -> np.ndarray:
    """Returns the `(3, 3)` matrix that turns colours about the axis of greys.

    Greys and the sum of a pixel's values stay. 120 degrees make red green, green blue
    and blue red.

    Source: Haeberli, 1993, "Matrix Operations for Image Processing",
    http://www.graficaobscura.com/matrix/index.html; the rotation is Rodrigues' formula.
    """
    turn = math.radians(degrees)
    x, y, z = GREY_AXIS
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    along = np.outer(GREY_AXIS, GREY_AXIS)
    return (
        math.cos(turn) * np.eye(3)
        + math.sin(turn) * cross
        + (1 - math.cos(turn)) * along
    )


def mean_colour(image: Image.Image) -> np.ndarray:
    """Returns the mean of red, green and blue, in levels of 255."""
    # A histogram is ten times faster than the mean of an array of bytes.
    counts = np.array(image.histogram()).reshape(3, 256)
    mean: np.ndarray = counts @ np.arange(256) / counts[0].sum()
    return mean
