"""Examples to batches of pixels: seeded views to train on, central ones to test.

Every random choice follows from the seed, the epoch and the image or the step, so the
same seed gives the same pixels on one core or eight, and an epoch can be drawn again
without the ones before it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import tensorflow as tf

from cnnxfer.config import Config
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.mixing import mix
from cnnxfer.data.feeding.gate import prefetched
from cnnxfer.data.feeding.loader import Loader
from cnnxfer.data.feeding.order import repetitions
from cnnxfer.data.views.views import CentralViews, training_views

AGAIN = 1_000_000  # more epochs than any run has


def training_batches(
    loader: Loader,
    targets: np.ndarray,
    config: Config,
    order: Callable[[int], np.ndarray],
    *,
    batch_size: int,
    steps_per_epoch: int,
    first_step: int = 0,
    prefetch_to: str | None = None,
) -> tf.data.Dataset:
    """Returns batches of randomly augmented views, without end.

    Args:
        loader: of the training images.
        targets: float32 `(images, classes)`, of the loader's examples.
        config: its `augment`, `central_crop` and `seed` decide the pixels.
        order: of an epoch, counted from 0: the indices of its images; one that is
            there again is seen in another view. What is more than the steps need is
            left out.
        batch_size: images a step.
        steps_per_epoch: how many batches an epoch has.
        first_step: to begin with, counted from the first of epoch 0.
        prefetch_to: a device on which batches wait.

    Returns:
        A data set of uint8 `(batch, size, size, 3)` and of float32 targets `(batch,
        classes)`, which are mixed as the images are.
    """
    assert steps_per_epoch, "an epoch without a batch would never end"

    shape = (batch_size, loader.image_size, loader.image_size, 3)

    @lru_cache(2)
    def images_of(epoch: int) -> tuple[np.ndarray, np.ndarray]:
        indices = order(epoch)
        return indices, repetitions(indices)

    def load(step: int) -> tuple[np.ndarray, np.ndarray]:
        epoch, place = divmod(int(step), steps_per_epoch)
        with loader.at_work():
            taken = slice(place * batch_size, (place + 1) * batch_size)
            indices, turns = (numbers[taken] for numbers in images_of(epoch))
            assert len(indices) == batch_size, "the epoch has too few images"
            pixels = np.empty(shape, np.uint8)
            for turn in set(turns.tolist()):  # what comes again is seen anew
                views = training_views(config, epoch + AGAIN * turn)
                mine = turns == turn
                pixels[mine] = loader.batch(indices[mine].tolist(), views)
            chances = KeyedRandom(f"{config.seed} {epoch} {place}")
            return mix(pixels, targets[indices], config.augment, chances)

    def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, mixed = tf.numpy_function(load, [step], (tf.uint8, tf.float32))
        return (
            tf.ensure_shape(pixels, shape),
            tf.ensure_shape(mixed, (batch_size, targets.shape[1])),
        )

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    return prefetched(steps.map(batch, num_parallel_calls=os.cpu_count()), prefetch_to)


def central_batches(
    loader: Loader,
    fraction: float,
    *,
    batch_size: int,
    prefetch_to: str | None = None,
) -> tf.data.Dataset:
    """Returns the central view of every example once, in order.

    Returns:
        A data set of uint8 `(batch, size, size, 3)`; the last batch may be smaller.
    """
    count, views = len(loader.examples), CentralViews(fraction)

    def load(start: int) -> np.ndarray:
        with loader.at_work():
            return loader.batch(range(start, min(start + batch_size, count)), views)

    def batch(start: tf.Tensor) -> tf.Tensor:
        pixels = tf.numpy_function(load, [start], tf.uint8)
        return tf.ensure_shape(pixels, (None, loader.image_size, loader.image_size, 3))

    starts = tf.data.Dataset.range(0, count, batch_size)
    return prefetched(starts.map(batch, num_parallel_calls=os.cpu_count()), prefetch_to)
