"""Makes batches of pixels: random views to train on, central ones to evaluate with.

Every random choice follows from the seed, the epoch, and the image or the step. So the
same seed gives the same pixels on any number of cores, and an epoch can be repeated
without the epochs before it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from cnnxfer.config import Config
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.mixing import mix
from cnnxfer.data.feeding.ahead import Made, batches_ahead
from cnnxfer.data.feeding.loader import Loader
from cnnxfer.data.feeding.order import repetitions
from cnnxfer.data.views.views import Views, training_views

# View number `epoch + REPEAT_OFFSET * n` is for the n-th repetition of an image in an
# epoch. No run has so many epochs, so no view is used twice.
REPEAT_OFFSET = 1_000_000


def training_batches(
    loader: Loader,
    targets: Callable[[np.ndarray, Views], np.ndarray],
    config: Config,
    order: Callable[[int], np.ndarray],
    *,
    batch_size: int,
    steps_per_epoch: int,
    first_step: int = 0,
    stride: int = 1,
    prefetch_to: str | None = None,
) -> Any:
    """Returns endless batches of randomly augmented views, as `batches_ahead` does.

    Args:
        loader: loads the training images.
        targets: returns what is to be answered to views of the loader's examples,
            whose indices it is given: `(batch, ...)`.
        config: its `augment`, `fit`, `central_crop` and `seed` decide the pixels.
        order: returns the indices of the images of an epoch, counted from 0. An image
            that occurs again is seen in another view. Images beyond what the steps
            need are left out.
        batch_size: the number of images in a batch.
        steps_per_epoch: the number of batches in an epoch.
        first_step: the step to start with, counted from the first step of epoch 0.
        stride: how many steps after one the next follows; workers share the steps.
        prefetch_to: the device to which batches are copied ahead; None for the host.

    Returns:
        Batches of uint8 `(batch, size, size, 3)` and targets `(batch, ...)`, which
        are mixed as the images are.
    """
    assert steps_per_epoch, "an epoch without a batch would never end"

    shape = (batch_size, loader.image_size, loader.image_size, 3)
    # Of one image, for the shape and the dtype.
    known = targets(np.arange(1), training_views(config, 0))

    @lru_cache(2)
    def images_of(epoch: int) -> tuple[np.ndarray, np.ndarray]:
        indices = order(epoch)
        return indices, repetitions(indices)

    def load(step: int) -> tuple[np.ndarray, np.ndarray]:
        epoch, position = divmod(int(step), steps_per_epoch)
        with loader.at_work():
            in_batch = slice(position * batch_size, (position + 1) * batch_size)
            indices, repeats = (numbers[in_batch] for numbers in images_of(epoch))
            assert len(indices) == batch_size, "the epoch has too few images"
            pixels = np.empty(shape, np.uint8)
            wanted = np.empty((batch_size, *known.shape[1:]), known.dtype)
            for repeat in set(repeats.tolist()):
                views = training_views(config, epoch + REPEAT_OFFSET * repeat)
                chosen = repeats == repeat
                pixels[chosen] = loader.batch(indices[chosen].tolist(), views)
                wanted[chosen] = targets(indices[chosen], views)
            random = KeyedRandom(f"{config.seed} {epoch} {position}")
            return mix(pixels, wanted, config.augment, random)

    def batch(pixels: Any, mixed: Any) -> tuple[Any, Any]:
        return pixels, mixed

    wanted = Made((batch_size, *known.shape[1:]), known.dtype)
    made = (Made(shape, np.uint8), wanted)
    return batches_ahead(
        load, made, batch, first=first_step, stride=stride, prefetch_to=prefetch_to
    )


def central_batches(
    loader: Loader,
    views: Views,
    *,
    batch_size: int,
    first_step: int = 0,
    stride: int = 1,
    prefetch_to: str | None = None,
) -> Any:
    """Returns batches of the central view, or another, of every example in order.

    With a stride, there is every so many of the batches only, from one on.

    Returns:
        Batches of uint8 `(batch, size, size, 3)`, as `batches_ahead` returns them; the
        last one may be smaller.
    """
    count = len(loader.examples)

    def load(step: int) -> tuple[np.ndarray]:
        start = int(step) * batch_size
        with loader.at_work():
            end = min(start + batch_size, count)
            return (loader.batch(range(start, end), views),)

    def batch(pixels: Any) -> Any:
        return pixels

    return batches_ahead(
        load,
        (Made((None, loader.image_size, loader.image_size, 3), np.uint8),),
        batch,
        first=first_step,
        stride=stride,
        count=len(range(first_step, -(-count // batch_size), stride)),
        prefetch_to=prefetch_to,
    )
