"""Masks that are pictures: grey or palette indices, black and white, or colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from cnnxfer.data.class_mask import IGNORED
from cnnxfer.data.dataset import read_bytes
from cnnxfer.data.images.decode import TURNS, load_as_stored, open_image
from cnnxfer.errors import DataError

Colour = tuple[int, int, int]  # red, green and blue, each in [0, 255]
# Formats that keep each pixel as it was drawn.
LOSSLESS = ("PNG", "GIF", "BMP", "TIFF", "PPM", "TGA")


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """What reading a mask once has told.

    Attributes:
        width: the width of the mask, in pixels.
        height: its height.
        counts: how many pixels have each value that occurs.
        problem: why it cannot be read; empty if it can.
        passing: whether the problem may not lie in the mask; see `IndexRow`.
    """

    width: int = 0
    height: int = 0
    counts: Mapping[int, int] = field(default_factory=dict)
    problem: str = ""
    passing: bool = False


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A mask in a file, or in a section of one.

    Attributes:
        name: identifies the mask within the data set.
        path: the file.
        offset: where in the file the mask begins, in bytes.
        size_bytes: the length of the encoded mask; None for the whole file.
        colours: the colour that stands for each value, from 0 on; empty where the
            pixels are the values.
        facts: what reading it once has told.
        unnamed: the values that occur and that no class has; `IGNORED` only where
            it stands for all other colours.
        orientation: the EXIF orientation of its picture, if the mask is for the picture
            as it is stored, and is turned along; 1 otherwise.
    """

    name: str
    path: Path
    offset: int = 0
    size_bytes: int | None = None
    colours: tuple[Colour, ...] = ()
    facts: MaskFacts = MaskFacts()
    unnamed: tuple[int, ...] = ()
    orientation: int = 1

    def read(self, width: int, height: int) -> np.ndarray:
        """Returns the value of each pixel, uint8 `(height, width)`.

        Raises:
            DataError: if it cannot be read, or has another size; the message is only
                the reason.
        """
        image = Image.fromarray(self.stored_values())
        if turn := TURNS.get(self.orientation):
            image = image.transpose(turn)
        if image.size != (width, height):
            found = f"{image.width} x {image.height}"
            raise DataError(f"mask of {found} pixels, not {width} x {height}")
        return np.asarray(image)

    def stored_values(self) -> np.ndarray:
        """Returns the value of each pixel, uint8 `(rows, columns)`, as it is stored.

        Raises:
            DataError: if it cannot be read; the message is only the reason.
        """
        content = read_bytes(self.path, self.offset, self.size_bytes)
        return mask_values(content, self.colours)


def mask_values(content: bytes, colours: Sequence[Colour] = ()) -> np.ndarray:
    """Returns the value of each pixel of an encoded mask.

    It is the number of the pixel's colour among `colours`, `IGNORED` for any other
    colour. Without colours, it is the index into the palette, or the grey; black and
    white are 0 and 255.

    Args:
        content: the whole encoded mask.
        colours: at most 255 colours.

    Returns:
        uint8 `(rows, columns)`.

    Raises:
        DataError: if it cannot be decoded, or its pixels do not tell a value; the
            message is only the reason.
    """
    image = open_image(content)
    if image.format not in LOSSLESS:
        raise DataError(f"{image.format} changes the pixels of masks; expected PNG")
    load_as_stored(image)
    if colours:
        return _numbered(np.asarray(image.convert("RGB")), colours)
    if image.mode in ("L", "LA", "P", "PA"):
        return np.asarray(image.getchannel(0))
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    pixels = np.asarray(image)
    if image.mode in ("RGB", "RGBA"):
        if (pixels[..., 1:3] != pixels[..., :1]).any():
            raise DataError(
                "mask of colours that nothing explains; expected a palette, or a "
                "classes.txt with lines such as: road 128 64 128"
            )
        return pixels[..., 0]
    if image.mode in ("I", "I;16"):
        if pixels.size and not 0 <= pixels.min() <= pixels.max() <= 255:
            raise DataError(f"mask with the value {pixels.max()}; expected at most 255")
        return pixels.astype(np.uint8)
    raise DataError(f"mask of mode {image.mode}; expected grey, palette or RGB")


def _numbered(pixels: np.ndarray, colours: Sequence[Colour]) -> np.ndarray:
    """Returns the numbers of colours: (rows, columns, 3) -> (rows, columns), uint8."""
    codes = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    known = np.array([red << 16 | green << 8 | blue for red, green, blue in colours])
    order = known.argsort(kind="stable")  # of a colour twice, the first counts
    places = order[np.searchsorted(known, codes, sorter=order).clip(0, len(order) - 1)]
    numbers: np.ndarray = np.where(known[places] == codes, places, IGNORED)
    return numbers.astype(np.uint8)
