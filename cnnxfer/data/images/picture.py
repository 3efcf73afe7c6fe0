"""An encoded image that is decoded only as large as its views need."""

from __future__ import annotations

import threading

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from cnnxfer.data.geometry import Box
from cnnxfer.data.images import boxes
from cnnxfer.data.images.boxes import Size
from cnnxfer.data.images.decode import (
    START_AT_BOTTOM,
    START_AT_RIGHT,
    has_many_bits,
    open_image,
    orientation,
    seek,
    to_pixels,
    upright_size,
)
from cnnxfer.errors import DataError
from cnnxfer.limits import MAX_PIXELS


class Picture:
    """An encoded image; a JPEG is decoded when a view of it is requested.

    A JPEG that is much larger than the view is decoded at a half, a quarter or an
    eighth of its size. A view depends only on the content, the box and the size, not
    on other views of the image.

    Attributes:
        width: the width of the whole upright image, in pixels.
        height: the height of the whole upright image, in pixels.
        format: the format of the file, as Pillow names it.
        mode: how its pixels are stored, as Pillow names it.
        orientation: its EXIF orientation, 1 to 8; 1 and any other number mean upright.
        has_many_bits: whether the file has more than 8 bits a channel.
    """

    def __init__(
        self, content: bytes, *, frame: int = 0, max_pixels: int = MAX_PIXELS
    ) -> None:
        """Opens a whole encoded image.

        Args:
            content: the whole encoded image.
            frame: the frame of an animation, or the page of a file, from 0.
            max_pixels: the most pixels that the image may have.

        Raises:
            DataError: if the image cannot be decoded, is larger, or has no such frame;
                the message is only the reason.
        """
        self._decoding = threading.Lock()
        self._content = content
        self._max_pixels = max_pixels
        opened = open_image(content, max_pixels)
        if frame and not seek(opened, frame, max_pixels):
            raise DataError(f"no frame {frame}")
        self.format, self.mode = opened.format or "", opened.mode
        self.has_many_bits = has_many_bits(opened)
        self._scalable = isinstance(opened, JpegImageFile) and not frame
        if self._scalable:
            self._opened: Image.Image | None = opened
            self._decoded: dict[int, Image.Image] = {}  # by scale
            self.orientation = orientation(opened)
            self.width, self.height = upright_size(opened.size, self.orientation)
        elif opened.format == "PNG":  # which may tell it only after the pixels
            self._set_decoded(to_pixels(opened))
            self.orientation = orientation(opened)
        else:  # Pillow forgets a TIFF's when it reads the pixels
            self.orientation = orientation(opened)
            self._set_decoded(to_pixels(opened))

    @classmethod
    def of_frame(cls, opened: Image.Image) -> Picture:
        """Returns the current frame of an opened image; of its file it knows nothing.

        The frame does not change when the opened image is moved to another one.

        Args:
            opened: an image with frames; see `decode.is_animated` and `decode.seek`.

        Raises:
            DataError: if the frame cannot be decoded; the message is only the reason.
        """
        pixels = to_pixels(opened)
        picture = cls.__new__(cls)
        picture._decoding = threading.Lock()
        picture._scalable = False
        picture._set_decoded(pixels.copy() if pixels is opened else pixels)
        return picture

    def _set_decoded(self, pixels: Image.Image) -> None:
        self._content = b""  # it is not decoded again
        self._decoded = {1: pixels}
        self.width, self.height = pixels.size

    def view(self, box: Box, size: Size, *, flip: bool = False) -> np.ndarray:
        """Returns what lies in a box of the image, resized as by `boxes.view`.

        Args:
            box: what is shown, in pixels of the whole image.
            size: the size of the view, in pixels.
            flip: whether the view is mirrored left to right.

        Returns:
            uint8 `(height, width, 3)`.

        Raises:
            DataError: if the image is truncated or corrupt; the message is only the
                reason.
        """
        scale = boxes.reduction(box, size) if self._scalable else 1
        image = self._decode(scale)
        if scale > 1:
            box = self._reduced(box, image, scale)
        return boxes.view(image, box, size, flip=flip)

    @property
    def size_bytes(self) -> int:
        """How much memory the image takes now: encoded, and decoded at each scale."""
        # Pillow keeps four bytes for each pixel of RGB.
        with self._decoding:
            decoded = sum(
                (1 if image.mode == "L" else 4) * image.width * image.height
                for image in self._decoded.values()
            )
        return decoded + len(self._content)

    def _decode(self, scale: int) -> Image.Image:
        with self._decoding:  # several threads may request views of one image
            if scale not in self._decoded:
                opened = self._opened or open_image(self._content, self._max_pixels)
                self._opened = None  # an image can be decoded once
                self._decoded[scale] = to_pixels(opened, scale)
            return self._decoded[scale]

    def _reduced(self, box: Box, image: Image.Image, scale: int) -> Box:
        # 1001 pixels halved are 501, and the last one reaches beyond the image. It is
        # the rightmost one in the file; the EXIF orientation may move it to the left.
        left = top = 0.0
        if self.orientation in START_AT_RIGHT:
            left = image.width - self.width / scale
        if self.orientation in START_AT_BOTTOM:
            top = image.height - self.height / scale
        return (
            left + box[0] / scale,
            top + box[1] / scale,
            left + box[2] / scale,
            top + box[3] / scale,
        )
