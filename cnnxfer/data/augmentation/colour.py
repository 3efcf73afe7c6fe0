"""Random changes of light and colours, combined into one matrix."""

import math

import numpy as np
from PIL import Image

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom

# The brightness of red, green and blue by ITU-R BT.601, as in Pillow's mode L.
LUMA = np.array([0.299, 0.587, 0.114])
GREY_AXIS = np.full(3, 1 / math.sqrt(3))
SETTINGS = (
    *("brightness", "contrast", "saturation", "hue"),
    *("channel_shift", "pca_noise", "greyscale"),
)
# The principal components of ImageNet's colours and their eigenvalues, of values in
# [0, 1]: the columns of the first belong to the entries of the second. Source:
# https://github.com/facebookarchive/fb.resnet.torch/blob/master/datasets/imagenet.lua
PRINCIPAL_COLOURS = np.array(
    [
        [-0.5675, 0.7192, 0.4009],  # red
        [-0.5808, -0.0045, -0.8140],  # green
        [-0.5836, -0.6948, 0.4203],  # blue
    ]
)
EIGENVALUES = np.array([0.2175, 0.0188, 0.0045])


def change_colours(
    image: Image.Image, augment: Augment, random: KeyedRandom
) -> Image.Image:
    """Returns an RGB image with light and colours changed at random by `SETTINGS`."""
    if not any(getattr(augment, name) for name in SETTINGS):
        return image
    shift = [random.within(augment.channel_shift, f"channel {i}") for i in range(3)]
    if augment.pca_noise:
        amounts = augment.pca_noise * random.generator("pca_noise").standard_normal(3)
        shift = [*(np.array(shift) + principal_shift(amounts))]
    grey = augment.greyscale and random.uniform("greyscale")[0] < augment.greyscale
    return recolour(
        image,
        brightness=1 + random.within(augment.brightness, "brightness"),
        contrast=1 + random.within(augment.contrast, "contrast"),
        saturation=0 if grey else 1 + random.within(augment.saturation, "saturation"),
        hue=random.within(augment.hue, "hue"),
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
    """Returns an RGB image with changed light and colours.

    Args:
        image: an image of mode RGB.
        brightness: the factor of all values.
        contrast: the factor of the values' distance from the image's mean luma.
        saturation: the factor of the values' distance from the pixel's own luma.
        hue: the degrees by which colours are turned about the axis of greys.
        shift: what is added to red, green and blue at the end, in levels of 255.
    """
    # One affine map does it all: colours are turned, then x -> saturate @ x, then
    # x -> brightness * contrast * x + an offset that preserves the mean luma.
    saturate = saturation * np.eye(3) + (1 - saturation) * LUMA
    colours = saturate @ turn_hue(hue)
    mean = brightness * (LUMA @ colours @ mean_colour(image)) if contrast != 1 else 0
    offset = (1 - contrast) * mean + np.array(shift)
    matrix = np.column_stack([brightness * contrast * colours, offset])
    return image.convert("RGB", tuple(matrix.ravel().tolist()))


def principal_shift(amounts: np.ndarray) -> np.ndarray:
    """Returns a shift of red, green and blue, `(3,)`, in levels of 255.

    It is a sum of ImageNet's principal colours, each times its eigenvalue and its
    amount, `(3,)`.

    Source: Krizhevsky et al., 2012, section 4.1, https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks.
    """
    shift: np.ndarray = 255 * PRINCIPAL_COLOURS @ (EIGENVALUES * amounts)
    return shift


def turn_hue(degrees: float) -> np.ndarray:
    """Returns the `(3, 3)` matrix that turns colours about the axis of greys.

    Greys and the sum of a pixel's values do not change. 120 degrees turn red to green,
    green to blue and blue to red.

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
    """Returns the means of red, green and blue of an RGB image, `(3,)`, in [0, 255]."""
    # A histogram is ten times faster than the mean of an array of bytes.
    counts = np.array(image.histogram()).reshape(3, 256)
    mean: np.ndarray = counts @ np.arange(256) / counts[0].sum()
    return mean
