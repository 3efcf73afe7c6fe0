"""Keeps the central views of images, of which every epoch's views may be made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


class CentralPixels:
    """The central views of all images of a loader, in one array.

    A batch of views that were seen before is one copy. Several threads may take
    batches: those that load the same view write the same pixels.
    """

    def __init__(self, count: int, image_size: int) -> None:
        """Has no view yet; memory is taken as views are loaded."""
        self._pixels = np.empty((count, image_size, image_size, 3), np.uint8)
        self._loaded = np.zeros(count, bool)

    @staticmethod
    def size_bytes(count: int, image_size: int) -> int:
        """Returns how much memory all views take."""
        return count * image_size**2 * 3

    def take(
        self, indices: Sequence[int], load: Callable[[int], np.ndarray]
    ) -> np.ndarray:
        """Returns a copy of the views of these images, uint8 `(batch, size, size, 3)`.

        Args:
            indices: the positions of the images.
            load: returns the view of an image, uint8 `(size, size, 3)`; it is called
                for those that have not been loaded.
        """
        for index in np.unique(np.asarray(indices)[~self._loaded[indices]]).tolist():
            self._pixels[index] = load(index)
            self._loaded[index] = True
        return self._pixels[indices]
