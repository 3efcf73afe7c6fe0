"""An encoded picture and its views, decoded no larger than these need."""

from __future__ import annotations

import threading

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.data.images import geometry
from cnnxfer.data.images.decode import (
    FROM_BELOW,
    FROM_THE_RIGHT,
    open_image,
    orientation,
    seek,
    to_rgb,
    upright_size,
)
from cnnxfer.data.images.geometry import Box, Size
from cnnxfer.errors import DataError


class Picture:
    """An encoded picture; a JPEG is decoded when a view of it is asked for.

    One that is much larger than the view is decoded at a half, a quarter or an eighth
    of its size. A view follows from the content, the box and the size alone, whatever
    else is asked of the picture.

    Attributes:
        width: of the whole upright picture, in pixels.
        height: the same.
    """

    def __init__(
        self, content: bytes, *, frame: int = 0, max_pixels: int = MAX_PIXELS
    ) -> None:
        """Opens a whole encoded image.

        Args:
            content: the whole file.
            frame: of an animation or a file with several pages, from 0.
            max_pixels: the most that it may have.

        Raises:
            DataError: if it cannot be decoded, is larger, or has no such frame; the
                message is the reason alone.
        """
        self._decoding = threading.Lock()
        self._content = content
        self._max_pixels = max_pixels
        opened = open_image(content, max_pixels)
        if frame and not seek(opened, frame, max_pixels):
            raise DataError(f"no frame {frame}")
        self._scalable = isinstance(opened, JpegImageFile) and not frame
        if self._scalable:
            self._opened: Image.Image | None = opened
            self._decoded: dict[int, Image.Image] = {}  # by scale
            self._orientation = orientation(opened)
            self.width, self.height = upright_size(opened.size, self._orientation)
        else:
            self._show(to_rgb(opened))

    @classmethod
    def of_frame(cls, opened: Image.Image) -> Picture:
        """Returns a picture of the frame at which an opened image stands.

        It stays as it is when the image is turned to another frame.

        Args:
            opened: one with frames; see `decode.is_animated` and `decode.seek`.

        Raises:
            DataError: if the frame cannot be decoded; the message is the reason alone.
        """
        rgb = to_rgb(opened)
        picture = cls.__new__(cls)
        picture._decoding = threading.Lock()
        picture._scalable = False
        picture._show(rgb.copy() if rgb is opened else rgb)
        return picture

    def _show(self, rgb: Image.Image) -> None:
        self._content = b""  # it will not be decoded again
        self._decoded = {1: rgb}
        self.width, self.height = rgb.size

    def view(self, box: Box, size: Size, *, flip: bool = False) -> np.ndarray:
        """Returns what lies in `box`, in pixels of the whole picture.

        Returns:
            uint8 `(height, width, 3)`; see `geometry.view`.

        Raises:
            DataError: if the picture is truncated or corrupt; the message is the
                reason alone.
        """
        scale = geometry.reduction(box, size) if self._scalable else 1
        image = self._at(scale)
        if scale > 1:
            box = self._reduced(box, image, scale)
        return geometry.view(image, box, size, flip=flip)

    @property
    def size_bytes(self) -> int:
        """How much memory it takes by now: encoded, and decoded as often as it was."""
        # Pillow keeps four bytes for each pixel.
        with self._decoding:
            decoded = sum(4 * im.width * im.height for im in self._decoded.values())
        return decoded + len(self._content)

    def _at(self, scale: int) -> Image.Image:
        with self._decoding:  # several threads may look at a picture that is kept
            if scale not in self._decoded:
                opened = self._opened or open_image(self._content, self._max_pixels)
                self._opened = None  # an image can be decoded once
                self._decoded[scale] = to_rgb(opened, scale)
            return self._decoded[scale]

    def _reduced(self, box: Box, image: Image.Image, scale: int) -> Box:
        # 1001 pixels halved are 501, the last of which reaches beyond the picture.
        # In the file this is the right one; where it is now follows from the turn.
        turned = self._orientation
        left = image.width - self.width / scale if turned in FROM_THE_RIGHT else 0
        top = image.height - self.height / scale if turned in FROM_BELOW else 0
        return (
            left + box[0] / scale,
            top + box[1] / scale,
            left + box[2] / scale,
            top + box[3] / scale,
        )
