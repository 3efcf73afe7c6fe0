"""Decoded images, of which the first can be looked at before they are answered."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from cnnxfer.data.decoding.pool import DecodedImage
from cnnxfer.engines.calibration import PICTURES, Calibration, pictures_key
from cnnxfer.engines.choice import SAMPLES


class NothingReadable(Exception):
    """Raised if there is no readable image to choose an engine with."""


class SampledImages(Iterator[DecodedImage]):
    """An iterator over decoded images that can sample the first ones in advance."""

    def __init__(
        self, images: Iterator[DecodedImage], samples: list[np.ndarray], size: int
    ) -> None:
        self._source = images
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

        Raises:
            NothingReadable: if no image can be read.
        """
        readable = [image for image in self._read_ahead if image.pixels is not None]
        while len(readable) < PICTURES:
            try:
                image = self._read()
            except StopIteration:
                break
            self._read_ahead.append(image)
            if image.pixels is not None:
                readable.append(image)
        if not readable:
            raise NothingReadable
        key = pictures_key((image.sha256 for image in readable), self._size)
        return Calibration(key, len(readable), lambda: self._central(readable))

    def _central(self, images: Iterable[DecodedImage]) -> np.ndarray:
        seen = [image.pixels[0] for image in images if image.pixels is not None]
        return np.stack([_central_square(pixels, self._size) for pixels in seen])

    def _read(self) -> DecodedImage:
        image = next(self._source)
        if image.pixels is not None and len(self._samples) < SAMPLES:
            self._samples.append(_central_square(image.pixels[0], self._size))
        return image


def _central_square(pixels: np.ndarray, size: int) -> np.ndarray:
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return pixels[top : top + size, left : left + size]
