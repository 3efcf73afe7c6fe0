"""Examples to batches of pixels: seeded views to train on, central ones to test.

Every random choice is drawn by a stateless operation from the seed, the epoch and
the image, so the same seed gives the same pixels on one core or eight, and an epoch
can be drawn again without the ones before it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from cnnxfer.data.dataset import Example
from cnnxfer.data.picture import Picture
from cnnxfer.data.strong import CHANCES, strong_view
from cnnxfer.data.views import Augmentation, View, unreadable
from cnnxfer.errors import DataError

CLOSING_SECONDS = 5.0  # more than the largest picture takes


class Loader:
    """Reads examples' pixels; remembers why it failed.

    TensorFlow turns an exception of ours into one of its own. `failure` keeps the
    original, for whoever runs the pipeline to raise.
    """

    def __init__(self, examples: Sequence[Example], image_size: int) -> None:
        """Loads views of `examples`, `image_size` pixels square."""
        self.examples = examples
        self.image_size = image_size
        self.failure: DataError | None = None
        self._closed = False
        self._running = 0
        self._calls = 0
        self._lock = threading.Lock()

    def view(
        self, index: int, fraction: float, across: float, down: float, flip: bool
    ) -> np.ndarray:
        """Returns a square view of example `index`; see `geometry.square_box`."""
        view = View(fraction, across, down, flip)
        return self._look(index, lambda picture: view.of(picture, self.image_size))

    def strong_view(self, index: int, chances: np.ndarray, flip: bool) -> np.ndarray:
        """Returns a strongly changed view of example `index`; see `strong`."""
        return self._look(
            index,
            lambda picture: strong_view(picture, self.image_size, chances, flip=flip),
        )

    def close(self) -> None:
        """Ends the reading: views are black from now on, so that all soon rests.

        TensorFlow reads ahead on threads of its own. A Python process that ends while
        one of them is in here hangs for ever: each waits for the other. Once
        TensorFlow's buffers are full, nobody is.
        """
        self._closed = True
        deadline = time.monotonic() + CLOSING_SECONDS
        calls = -1
        while (self._running or calls != self._calls) and time.monotonic() < deadline:
            calls = self._calls
            time.sleep(0.05)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._running += 1
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def _look(self, index: int, look: Callable[[Picture], np.ndarray]) -> np.ndarray:
        with self._counted():
            if self._closed:
                return np.zeros((self.image_size, self.image_size, 3), np.uint8)
            example = self.examples[index]
            try:
                return look(Picture(example.read()))
            except DataError as error:
                self.failure = unreadable(example, error)
                raise self.failure from error


def training_batches(
    loader: Loader,
    augmentation: Augmentation,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
    prefetch_to: str | None = None,
) -> tf.data.Dataset:
    """Returns batches of shuffled, randomly augmented views, without end.

    Epochs follow one another; each holds `len(examples) // batch_size` full batches.
    What is left over is another rest each time.

    Returns:
        A data set of uint8 `(batch, size, size, 3)` and int32 labels `(batch,)`.
    """
    count = len(loader.examples)
    assert batch_size <= count, "an epoch without a batch would never end"
    used = count // batch_size * batch_size
    labels = tf.constant([example.label for example in loader.examples], tf.int32)

    def shuffled(epoch: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(count), key)[:used]
        return tf.data.Dataset.from_tensor_slices(order).map(lambda i: (epoch, i))

    def random_view(epoch: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        key = tf.random.experimental.stateless_fold_in(key, index)
        if augmentation.strong:
            chances = tf.random.stateless_uniform([CHANCES + 1], key)
            flip = tf.logical_and(augmentation.flip, chances[-1] < 0.5)
            return _strong_view(loader, index, chances[:-1], flip), labels[index]
        across, down, side = tf.unstack(tf.random.stateless_uniform([3], key))
        flip = tf.logical_and(augmentation.flip, side < 0.5)
        pixels = _view(loader, index, augmentation.crop, across, down, flip)
        return pixels, labels[index]

    views = (
        tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
        .flat_map(shuffled)
        .map(random_view, num_parallel_calls=os.cpu_count())
    )
    return _ahead(views.batch(batch_size, drop_remainder=True), prefetch_to)


def central_batches(
    loader: Loader,
    fraction: float,
    *,
    batch_size: int,
    prefetch_to: str | None = None,
) -> tf.data.Dataset:
    """Returns the central view of every example once, in order.

    Returns:
        A data set of uint8 `(batch, size, size, 3)` and int32 labels `(batch,)`; the
        last batch may be smaller.
    """
    labels = tf.constant([example.label for example in loader.examples], tf.int32)

    def central_view(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _view(loader, index, fraction, 0.5, 0.5, False), labels[index]

    indices = tf.data.Dataset.range(len(loader.examples))
    views = indices.map(central_view, num_parallel_calls=os.cpu_count())
    return _ahead(views.batch(batch_size), prefetch_to)


def _ahead(batches: tf.data.Dataset, device: str | None) -> tf.data.Dataset:
    """Prepares batches while the ones before compute, on their device if given."""
    if device is None:
        return batches.prefetch(2)
    return batches.apply(tf.data.experimental.prefetch_to_device(device, 2))


def _view(
    loader: Loader,
    index: tf.Tensor,
    fraction: float,
    across: tf.Tensor | float,
    down: tf.Tensor | float,
    flip: tf.Tensor | bool,
) -> tf.Tensor:
    # The fraction stays in Python: TensorFlow would round it to float32, and the
    # central view would not be the one that `predict` sees.
    def read(index: int, across: float, down: float, flip: bool) -> np.ndarray:
        return loader.view(index, fraction, float(across), float(down), bool(flip))

    # Pillow decodes and resizes, outside Python's lock: its antialiased resize is
    # faster than TensorFlow's and the same that `predict` uses.
    pixels = tf.numpy_function(read, [index, across, down, flip], tf.uint8)
    return tf.ensure_shape(pixels, (loader.image_size, loader.image_size, 3))


def _strong_view(
    loader: Loader, index: tf.Tensor, chances: tf.Tensor, flip: tf.Tensor
) -> tf.Tensor:
    def read(index: int, chances: np.ndarray, flip: bool) -> np.ndarray:
        return loader.strong_view(index, chances, bool(flip))

    pixels = tf.numpy_function(read, [index, chances, flip], tf.uint8)
    return tf.ensure_shape(pixels, (loader.image_size, loader.image_size, 3))
