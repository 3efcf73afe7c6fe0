"""Views of a set's images, whole batches at a time, each image decoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.feeding.gate import Gate
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.views.views import Views, open_picture, unreadable
from cnnxfer.errors import DataError
from cnnxfer.hardware.processor import find_memory

KEPT_SHARE = 0.2  # of the memory that is free; training and validation each have one


class Loader(Gate):
    """Reads examples' pixels; remembers why it failed. Closed, it gives black ones.

    Decoded pictures are kept while there is room, so that the next view of them costs
    no decoding. TensorFlow turns an exception of ours into one of its own; `failure`
    keeps the original, for whoever runs the pipeline to raise.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        image_size: int,
        *,
        keep_bytes: int | None = None,
    ) -> None:
        """Loads views of `examples`.

        Args:
            examples: the images.
            image_size: side of the views, in pixels.
            keep_bytes: how much memory decoded pictures may take; by default a fifth
                of what is free now, and nothing where that is unknown.
        """
        super().__init__()
        if keep_bytes is None:
            keep_bytes = int(KEPT_SHARE * (find_memory().available_bytes or 0))
        self.examples = examples
        self.image_size = image_size
        self.failure: DataError | None = None
        self._room = keep_bytes
        self._kept: dict[int, tuple[Picture, int]] = {}  # with its bytes

    def batch(self, indices: Sequence[int], views: Views) -> np.ndarray:
        """Returns views of the examples at `indices`.

        Returns:
            uint8 `(batch, size, size, 3)`; black once the loader is closed.

        Raises:
            DataError: if an image cannot be read any more.
        """
        size = self.image_size
        pixels = np.empty((len(indices), size, size, 3), np.uint8)
        for row, index in zip(pixels, indices, strict=True):
            row[:] = 0 if self.closed else self._look(index, views)
        return pixels

    def _look(self, index: int, views: Views) -> np.ndarray:
        example = self.examples[index]
        picture, _ = self._kept.get(index, (None, 0))
        try:
            picture = picture or open_picture(example)
            pixels = views.of(example).of(picture, self.image_size)
        except DataError as error:
            self.failure = unreadable(example, error)
            raise self.failure from error
        self._keep(index, picture)
        return pixels

    def _keep(self, index: int, picture: Picture) -> None:
        """Keeps a picture as far as it was decoded, if there is room."""
        with self._lock:
            # It may have grown: views of other sizes are decoded at other scales.
            _, size_bytes = self._kept.pop(index, (None, 0))
            self._room += size_bytes
            size_bytes = picture.size_bytes
            if size_bytes <= self._room:
                self._room -= size_bytes
                self._kept[index] = picture, size_bytes
