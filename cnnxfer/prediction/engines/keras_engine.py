"""Keras itself, on any of its backends."""

from __future__ import annotations

import keras
import numpy as np


class KerasEngine:
    """Runs a model on batches of pixels."""

    def __init__(self, model: keras.Model, batch_size: int = 32) -> None:
        """Takes a model of pixels in [0, 255] to logits or probabilities."""
        self.model = model
        self.batch_size = batch_size
        self._compiled_size = 0

    @property
    def image_size(self) -> int:
        """Side in pixels of what the model takes."""
        return int(self.model.input_shape[1])

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Returns the model's outputs.

        Args:
            pixels: uint8 `(images, size, size, 3)`, at most `batch_size` of them.

        Returns:
            float32 `(images, classes)`.
        """
        count = len(pixels)
        # A smaller batch, as the last one, would be compiled anew.
        self._compiled_size = max(self._compiled_size, count)
        missing = self._compiled_size - count
        pixels = np.pad(pixels, [(0, missing), (0, 0), (0, 0), (0, 0)])
        outputs: np.ndarray = self.model.predict_on_batch(pixels)
        return outputs[:count]
