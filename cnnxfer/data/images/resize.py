"""Resizes a part of an image as Pillow does, several times faster where it can be."""

from __future__ import annotations

import math
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

import PIL
from PIL import Image

from cnnxfer.data.geometry import Box

if TYPE_CHECKING:
    from cykooz_resizer import ResizeAlg

# It reaches into Pillow's memory, whose layout it knows of these major versions.
KNOWN_PILLOWS = range(11, 14)
FAST_MODES = ("RGB", "L")
FILTER_RADIUS = 2  # of the bicubic filter, in pixels of the smaller grid


@cache
def resizer() -> str:
    """Returns what resizes images, with its version.

    That is cykooz-resizer; or Pillow, where there is no wheel of it. One in 300 levels
    of a photograph is one higher or lower by one than by the other.
    """
    if int(PIL.__version__.split(".")[0]) in KNOWN_PILLOWS:
        try:
            return f"cykooz-resizer {metadata.version('cykooz-resizer')}"
        except metadata.PackageNotFoundError:
            pass
    return f"Pillow {PIL.__version__}"


def resize(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Returns what lies in a box of an image, resized with antialiasing (bicubic).

    Args:
        image: an image of 8 bits a channel.
        size: the width and height of the result, in pixels.
        box: what is shown, in pixels of the image, and inside of it.
    """
    if image.mode not in FAST_MODES or not resizer().startswith("cykooz"):
        return image.resize(size, Image.Resampling.BICUBIC, box=box)
    # Two passes, in the order of Pillow: after each of them, levels are rounded, and
    # cut off below 0 and above 255.
    width, height = size
    left, top, right, bottom = box
    if _down_first(image.size, size):
        start, end = _needed(left, right, width, image.width)
        strip = _pass(image, (end - start, height), (start, top, end, bottom))
        return _pass(strip, size, (left - start, 0, right - start, height))
    start, end = _needed(top, bottom, height, image.height)
    strip = _pass(image, (width, end - start), (left, start, right, end))
    return _pass(strip, size, (0, top - start, width, bottom - start))


def _down_first(size: tuple[int, int], new_size: tuple[int, int]) -> bool:
    """Tells whether Pillow 13 resizes an image down its columns first."""
    narrower, lower = size[0] - new_size[0], size[1] - new_size[1]
    return lower > 0 and lower > 2 * narrower


def _needed(low: float, high: float, pixels: int, length: int) -> tuple[int, int]:
    """Returns the first row or column that a result depends on, and the end of them."""
    reach = FILTER_RADIUS * max(1, (high - low) / pixels)
    return max(0, math.floor(low - reach)), min(length, math.ceil(high + reach))


def _pass(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    from cykooz_resizer import CropBox, ResizeOptions, Resizer

    left, top, right, bottom = box
    # Exactly inside: a box may exceed its image by a rounding error.
    part = CropBox(
        left,
        top,
        _inside(left, right - left, image.width),
        _inside(top, bottom - top, image.height),
    )
    result = Image.new(image.mode, size)
    Resizer().resize_pil(image, result, ResizeOptions(_bicubic(), crop_box=part))
    return result


def _inside(start: float, length: float, limit: int) -> float:
    while start + length > limit:
        length = math.nextafter(min(length, limit - start), 0)
    return length


@cache
def _bicubic() -> ResizeAlg:
    from cykooz_resizer import FilterType, ResizeAlg

    return ResizeAlg.convolution(FilterType.catmull_rom)
