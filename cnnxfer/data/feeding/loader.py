"""Loads batches of views of images, and keeps decoded images in memory."""

from collections.abc import Sequence

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.feeding.gate import Gate
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.views.views import Views, open_picture, unreadable
from cnnxfer.errors import DataError
from cnnxfer.hardware.processor import find_memory

# Of the free memory, for decoded images; training and validation have a loader each.
KEPT_SHARE = 0.2


class Loader(Gate):
    """Loads batches of views of examples; once closed, its batches are black.

    Decoded images are kept while there is room, so that their next view needs no
    decoding.

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

        Decoded images may take `keep_bytes` of memory; by default a fifth of what is
        free now, and none where that is unknown.
        """
        super().__init__()
        if keep_bytes is None:
            keep_bytes = int(KEPT_SHARE * (find_memory().available_bytes or 0))
        self.examples = examples
        self.image_size = image_size
        self.failure: DataError | None = None
        self._free_bytes = keep_bytes
        self._kept: dict[int, tuple[Picture, int]] = {}  # with its size in bytes

    def batch(self, indices: Sequence[int], views: Views) -> np.ndarray:
        """Returns a view of each of the examples at these positions.

        Returns:
            uint8 `(batch, size, size, 3)`; black once the loader is closed.

        Raises:
            DataError: if an image cannot be read any more.
        """
        size = self.image_size
        pixels = np.empty((len(indices), size, size, 3), np.uint8)
        for row, index in zip(pixels, indices, strict=True):
            row[:] = 0 if self.closed else self._view(index, views)
        return pixels

    def _view(self, index: int, views: Views) -> np.ndarray:
        example = self.examples[index]
        picture, _ = self._kept.get(index, (None, 0))
        try:
            picture = picture or open_picture(example)
            seen = views.of(example).of(picture, self.image_size)
        except DataError as error:
            self.failure = unreadable(example, error)
            raise self.failure from error
        self._keep(index, picture)
        return seen.pixels

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
