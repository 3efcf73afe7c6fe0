"""Finds the batch size that trains fastest, by trying several."""

import math
from collections.abc import Callable

import keras

from cnnxfer.errors import RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.reporting import Note, Reporter
from cnnxfer.spelling import option
from cnnxfer.training.optimization.rolled_back import rolled_back
from cnnxfer.training.workers.joining import clock

SIZES = (8, 16, 32, 64, 128, 256)
UPDATES_AN_EPOCH = 8  # at least
GAIN = 1.05  # a larger batch has to be faster by this factor
# The least that is measured for each size.
UPDATES = 4
SECONDS = 1.0
REFERENCE_SIZE = 32  # the batch size that learning rates in the settings refer to

Update = Callable[[int, float], object]


def find_batch_size(
    model: keras.Model,
    update_for: Callable[[int], Update],
    *,
    images: int,
    reporter: Reporter,
) -> int:
    """Returns the batch size that trains fastest, and reports it.

    The size doubles as long as that trains at least 5% more images per second, fits
    into memory, and leaves 8 updates in an epoch. The model's weights and random state
    are restored to the bit; the caller has to build a new optimizer.

    Args:
        model: a compiled model whose optimizer is built.
        update_for: returns, for a batch size, a function that computes an update, given
            its number from 0 and the learning rate; it may compile the model again.
        images: the number of training images.
        reporter: shows the progress and the batch size.

    Returns:
        The number of images in a batch.

    Raises:
        RunError: if there is not enough memory for the smallest size, or the model
            could not be restored.
    """
    largest = max(images // UPDATES_AN_EPOCH, 1)
    sizes = [size for size in SIZES if size <= largest] or [largest]
    speeds: dict[int, float] = {}
    best = sizes[0]
    why = (
        "no larger ones are tried"
        if len(sizes) == len(SIZES)
        else "an epoch has no room for larger ones"
    )
    with (
        reporter.progress("looking for a batch size", len(sizes), "sizes") as advance,
        rolled_back(model, "the search for a batch size"),
    ):
        for size in sizes:
            try:
                speeds[size] = _images_per_second(update_for(size), size)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                why = "there is no memory for larger ones"
                break
            advance(1, Note(f"{size}: {speeds[size]:.0f} images/s"))
            if size > best and speeds[size] < GAIN * speeds[best]:
                why = "larger ones are not faster"
                break
            best = size
    if not speeds:
        raise too_little_memory(f"with {sizes[0]} images at once")
    tried = ", ".join(f"{size}: {speed:.0f}" for size, speed in speeds.items())
    reporter.detail(f"batches of {best}: {why} (images a second: {tried})")
    return best


def too_little_memory(circumstances: str) -> RunError:
    """Returns the error that no smaller batch can avoid; it ran out so, as "with 8"."""
    return RunError(
        f"memory ran out {circumstances}. Train at a smaller "
        f"{option('--image-size')}; to fine-tune, let fewer layers learn, with "
        f"{option('--last')}."
    )


def scaled_rate(rate: float, batch_size: int, optimizer: str) -> float:
    """Returns the learning rate for a batch size, given that for batches of 32.

    With SGD it is proportional to the batch size (Goyal et al., 2017,
    https://arxiv.org/abs/1706.02677). With optimizers that divide gradients by their
    magnitude, it is proportional to the square root (Malladi et al., 2022,
    https://arxiv.org/abs/2205.10287).
    """
    ratio = batch_size / REFERENCE_SIZE
    return rate * (ratio if optimizer == "sgd" else math.sqrt(ratio))


def _images_per_second(update: Update, size: int) -> float:
    """Measures updates at a rate of 0; the fastest is the least disturbed one."""
    update(0, 0.0)  # compiles
    seconds: list[float] = []
    while len(seconds) < UPDATES or sum(seconds) < SECONDS:
        started = clock()
        update(1 + len(seconds), 0.0)
        seconds.append(clock() - started)
    return size / min(seconds)
