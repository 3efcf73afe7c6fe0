"""How an image is fitted into the square that a network sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnxfer.config import Fit
from cnnxfer.data.geometry import Box, Geometry
from cnnxfer.data.images.picture import Picture

GREY = 128  # the level around a letterboxed image


@dataclass(frozen=True)
class Frame:
    """What of an image, and around it, views are parts of.

    For the fit `crop` it is the image, from which squares are cropped. For `letterbox`
    it is the smallest square around the image, and for `stretch` the image squeezed
    into a square; so views of it are chosen as from a square image with a side of 1.

    Attributes:
        width: its width in its own units, of which views are chosen.
        height: its height.
        box: where it lies, in pixels of the image.
    """

    width: float
    height: float
    box: Box

    @staticmethod
    def of(fit: Fit, width: int, height: int) -> Frame:
        """Returns the frame of an image of this size, in pixels."""
        whole = (0.0, 0.0, float(width), float(height))
        if fit == "crop":
            return Frame(width, height, whole)
        if fit == "stretch":
            return Frame(1, 1, whole)
        side = max(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return Frame(1, 1, (left, top, left + side, top + side))

    def on_image(self, part: Box) -> Box:
        """Returns where a part of the frame, in its own units, lies in the image."""
        left, top, right, bottom = self.box
        across, down = (right - left) / self.width, (bottom - top) / self.height
        return (
            left + across * part[0],
            top + down * part[1],
            left + across * part[2],
            top + down * part[3],
        )


def on_grey(picture: Picture, geometry: Geometry) -> np.ndarray:
    """Returns the view that an upright geometry describes, grey beyond the image.

    The image is resized once, to whole pixels; see `Geometry.on_whole_pixels`.

    Returns:
        uint8 `(size, size, 3)`.

    Raises:
        DataError: if the image is truncated or corrupt; the message is only the
            reason.
    """
    size = geometry.size
    view = np.full((size, size, 3), GREY, np.uint8)
    across, down = geometry.seen_of(picture.width, picture.height)
    shown = (across.last - across.first, down.last - down.first)
    if all(shown):
        box = (across.low, down.low, across.high, down.high)
        flip, vertical_flip = geometry.across[0] < 0, geometry.down[1] < 0
        pixels = picture.view(box, shown, flip=flip)
        left = size - across.last if flip else across.first
        top = size - down.last if vertical_flip else down.first
        part = view[top : top + shown[1], left : left + shown[0]]
        part[:] = pixels[::-1] if vertical_flip else pixels
    return view
