"""Draws what is known or found of an image into it: boxes, and classes of pixels."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cnnxfer.data.class_mask import IGNORED
from cnnxfer.reporting import printable

Colour = tuple[int, int, int]  # red, green and blue, of 255

# Each hue is as far as can be from those before it, and lightness takes turns, so that
# neighbours in the order of the classes differ for most readers of colours, too.
GOLDEN = 0.618033988749895  # of a turn of the colour circle
LIGHTNESS, SATURATION = (0.55, 0.40, 0.70), 0.85
UNKNOWN: Colour = (224, 224, 224)  # of ignored pixels, where they have to have a colour
MASK_OPACITY = 128  # of 255
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
# The longer side of an image divided by the width of a line, and by the size of a text.
SIDE_PER_LINE, SIDE_PER_TEXT = 320, 45
LEAST_LINE, LEAST_TEXT = 1, 11  # in pixels


@cache
def colour_of(label: int) -> Colour:
    """Returns the colour of a class, which is the same everywhere.

    Args:
        label: the index of the class, at least 0; that of `IGNORED` is a light grey.
    """
    if label == IGNORED:
        return UNKNOWN
    lightness = LIGHTNESS[label % len(LIGHTNESS)]
    red, green, blue = colorsys.hls_to_rgb(label * GOLDEN % 1, lightness, SATURATION)
    return round(255 * red), round(255 * green), round(255 * blue)


def palette() -> list[int]:
    """Returns the colours of all 256 labels, as `Image.putpalette` takes them."""
    return [level for label in range(256) for level in colour_of(label)]


def draw_boxes(
    image: Image.Image,
    boxes: np.ndarray,
    labels: Sequence[int],
    class_names: Sequence[str],
    scores: Sequence[float] | None = None,
) -> Image.Image:
    """Returns a copy of an image with boxes and the names of their classes.

    Lines and letters grow with the image. Boxes that come first lie above the others,
    and names above all boxes. Boxes smaller than a line of text have no name.

    Args:
        image: an image of mode RGB.
        boxes: `(boxes, 4)`: left, top, right and bottom edge, in pixels of the image;
            the best first.
        labels: the class of each box.
        class_names: the names of the classes, in label order.
        scores: how sure each box is, in [0, 1]; it is written behind the name.
    """
    drawn = image.copy()
    draw = ImageDraw.Draw(drawn)
    side = max(image.size)
    line = max(LEAST_LINE, round(side / SIDE_PER_LINE))
    text_size = max(LEAST_TEXT, round(side / SIDE_PER_TEXT))
    font = font_of(text_size)
    worst_first = range(len(labels) - 1, -1, -1)
    corners = np.rint(boxes).astype(int).tolist()
    for number in worst_first:
        left, top, right, bottom = corners[number]
        right, bottom = max(right - 1, left), max(bottom - 1, top)
        # A dark line at both sides shows the coloured one on a ground of its colour.
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=BLACK)
        draw.rectangle(
            (left, top, right, bottom), outline=colour_of(labels[number]), width=line
        )
        if min(right - left, bottom - top) > 2 * line:
            inner = (left + line, top + line, right - line, bottom - line)
            draw.rectangle(inner, outline=BLACK)
    for number in worst_first:
        text = printable(class_names[labels[number]])
        if scores is not None:
            text += f" {scores[number]:.2f}"
        left, top, right, bottom = corners[number]
        if max(right - left, bottom - top) < text_size:
            continue
        _label(draw, image.size, (left, top), text, colour_of(labels[number]), font)
    return drawn


def colour_mask(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """Returns a copy of an image with each class's colour laid over its pixels.

    Args:
        image: an image of mode RGB.
        mask: the label of each pixel, uint8 `(height, width)`; pixels with `IGNORED`
            stay as they are.
    """
    colours = Image.fromarray(mask)
    colours.putpalette(palette())
    opacity = np.where(mask == IGNORED, 0, MASK_OPACITY).astype(np.uint8)
    return Image.composite(colours.convert("RGB"), image, Image.fromarray(opacity))


@cache
def font_of(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns Pillow's own font, at a size in pixels."""
    return ImageFont.load_default(size)


def ink_on(colour: Colour) -> Colour:
    """Returns black or white: what is read better on a colour."""
    # Luma by ITU-R BT.601, as everywhere in Pillow.
    luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    return BLACK if luma > 127 else WHITE


def _label(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    corner: tuple[int, int],
    text: str,
    colour: Colour,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Writes a text on a ground above a corner; below it where there is no room."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font)
    margin = max(2, round((bottom - top) / 5))
    width, height = right - left + 2 * margin, bottom - top + 2 * margin
    x = max(0, min(corner[0], size[0] - width))
    y = corner[1] - height if corner[1] >= height else max(0, corner[1])
    draw.rectangle((x, y, x + width - 1, y + height - 1), colour)
    place = (x + margin - left, y + margin - top)
    draw.text(place, text, ink_on(colour), font)
