"""Loads batches of views of images, and keeps in memory what later views need."""

from collections.abc import Sequence

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.feeding.central_pixels import CentralPixels
from cnnxfer.data.feeding.gate import Gate
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.views.views import CentralViews, Views, open_picture, unreadable
from cnnxfer.errors import DataError
from cnnxfer.hardware.processor import find_memory

# Of the free memory, for what is kept; training and validation have a loader each.
KEPT_SHARE = 0.2


class Loader(Gate):
    """Loads batches of views of examples; once closed, its batches are black.

    Central views are kept if there is room for those of all examples, and so views that
    are made of them need not be resized again. Otherwise decoded images are kept while
    there is room, so that their next view needs no decoding.

    Attributes:
        examples: the images.
        image_size: the side of the views, in pixels.
        failure: the error of an image that could not be read; None if there was none.
            TensorFlow replaces exceptions by its own, so the caller has to raise it.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        image_size: int,
        *,
        keep_bytes: int | None = None,
    ) -> None:
        """Prepares to load views; nothing is read yet.

        What is kept may take `keep_bytes` of memory; by default a fifth of what is free
        now, and none where that is unknown.
        """
        super().__init__()
        if keep_bytes is None:
            keep_bytes = int(KEPT_SHARE * (find_memory().available_bytes or 0))
        self.examples = examples
        self.image_size = image_size
        self.failure: DataError | None = None
        self._free_bytes = keep_bytes
        self._central: dict[CentralViews, CentralPixels] = {}
        self._kept: dict[int, tuple[Picture, int]] = {}  # with its size in bytes

    def batch(self, indices: Sequence[int], views: Views) -> np.ndarray:
        """Returns a view of each of the examples at these positions.

        Returns:
            uint8 `(batch, size, size, 3)`; black once the loader is closed.

        Raises:
            DataError: if an image cannot be read any more.
        """
        size = self.image_size
        if self.closed:
            return np.zeros((len(indices), size, size, 3), np.uint8)
        origin = views.origin
        if origin and (central := self._central_pixels(origin)):
            pixels = central.take(
                indices, lambda index: self._view(index, origin, keep=False)
            )
            return views.rearranged(pixels, [self.examples[index] for index in indices])
        pixels = np.empty((len(indices), size, size, 3), np.uint8)
        for row, index in zip(pixels, indices, strict=True):
            row[:] = self._view(index, views)
        return pixels

    def _view(self, index: int, views: Views, *, keep: bool = True) -> np.ndarray:
        if self.closed:
            return np.zeros((self.image_size, self.image_size, 3), np.uint8)
        example = self.examples[index]
        picture, _ = self._kept.get(index, (None, 0))
        try:
            picture = picture or open_picture(example)
            seen = views.of(example).of(picture, self.image_size)
        except DataError as error:
            self.failure = unreadable(example, error)
            raise self.failure from error
        if keep:
            self._keep(index, picture)
        return seen.pixels

    def _central_pixels(self, views: CentralViews) -> CentralPixels | None:
        """Returns the kept views; None if there is no room for those of all images."""
        with self._lock:
            if views not in self._central:
                count, size = len(self.examples), self.image_size
                # Asked first: the system refuses an array that is far too large.
                needed = CentralPixels.size_bytes(count, size)
                if needed > self._free_bytes:
                    return None
                self._free_bytes -= needed
                self._central[views] = CentralPixels(count, size)
            return self._central[views]

    def _keep(self, index: int, picture: Picture) -> None:
        """Keeps an image, with what of it has been decoded, if there is room."""
        with self._lock:
            # It may have grown: views of other sizes are decoded at other scales.
            _, size_bytes = self._kept.pop(index, (None, 0))
            self._free_bytes += size_bytes
            size_bytes = picture.size_bytes
            if size_bytes <= self._free_bytes:
                self._free_bytes -= size_bytes
                self._kept[index] = picture, size_bytes
