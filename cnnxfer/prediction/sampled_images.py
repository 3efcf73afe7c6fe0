"""Decoded images, of which the first can be looked at before they are answered."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from cnnxfer.data.decoding.pool import DecodedImage
from cnnxfer.engines.calibration import (
    LEAST_PICTURES,
    PICTURES,
    Calibration,
    pictures_key,
)
from cnnxfer.engines.choice import SAMPLES

# How much is read ahead to calibrate on, once there are `LEAST_PICTURES`: with tiles
# or test-time augmentation, a picture may take megabytes.
READ_AHEAD_BYTES = 512 << 20


class NothingReadable(Exception):
    """Raised if there is no readable image to choose an engine with."""


class SampledImages(Iterator[DecodedImage]):
    """An iterator over decoded images that can sample the first ones in advance."""

    def __init__(
        self,
        images: Iterator[DecodedImage],
        samples: list[np.ndarray],
        size: int,
        reader: object,
    ) -> None:
        """Begins with the images.

        Args:
            images: the images.
            samples: the samples of earlier images, to which more are added.
            size: the side of a sample, in pixels.
            reader: what has seen the images; its `repr` says all that decides it.
        """
        self._source = images
        self._reader = reader
        self._read_ahead: deque[DecodedImage] = deque()
        self._size = size
        self._samples = samples

    def __next__(self) -> DecodedImage:
        return self._read_ahead.popleft() if self._read_ahead else self._read()

    def samples(self) -> np.ndarray:
        """Returns the central squares of the first `SAMPLES` readable images.

        Returns:
            uint8 `(images, size, size, 3)`; fewer than `SAMPLES` if there are no more.

        Raises:
            NothingReadable: if no image can be read.
        """
        while len(self._samples) < SAMPLES:
            try:
                self._read_ahead.append(self._read())
            except StopIteration:
                break
        if not self._samples:
            raise NothingReadable
        return np.stack(self._samples)

    def calibration(self) -> Calibration:
        """Returns the calibration on the first readable images, read in advance.

        There are `PICTURES` of them, or fewer if there are no more, or if more than
        `LEAST_PICTURES` take more than `READ_AHEAD_BYTES`.

        Raises:
            NothingReadable: if no image can be read.
        """
        readable = [image for image in self._read_ahead if image.pixels is not None]
        taken = sum(map(_size_bytes, self._read_ahead))
        while len(readable) < LEAST_PICTURES or (
            len(readable) < PICTURES and taken < READ_AHEAD_BYTES
        ):
            try:
                image = self._read()
            except StopIteration:
                break
            self._read_ahead.append(image)
            taken += _size_bytes(image)
            if image.pixels is not None:
                readable.append(image)
        if not readable:
            raise NothingReadable
        key = pictures_key((image.sha256 for image in readable), self._reader)
        return Calibration(key, len(readable), lambda: self._central(readable))

    def _central(self, images: Iterable[DecodedImage]) -> np.ndarray:
        seen = [image.pixels[0] for image in images if image.pixels is not None]
        return np.stack([_central_square(pixels, self._size) for pixels in seen])

    def _read(self) -> DecodedImage:
        image = next(self._source)
        if image.pixels is not None and len(self._samples) < SAMPLES:
            self._samples.append(_central_square(image.pixels[0], self._size))
        return image


def _size_bytes(image: DecodedImage) -> int:
    """Returns what an image takes, with its encoded content if that is in memory."""
    seen = 0 if image.pixels is None else image.pixels.nbytes
    return seen + image.source.size_bytes


def _central_square(pixels: np.ndarray, size: int) -> np.ndarray:
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return pixels[top : top + size, left : left + size]
