"""How many images an update takes, found by trying what is fastest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import keras

from cnnxfer.errors import RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.reporting import Reporter
from cnnxfer.training.optimization.rolled_back import rolled_back

SIZES = (8, 16, 32, 64, 128, 256)
UPDATES_AN_EPOCH = 8  # at least
GAIN = 1.05  # what is not as much faster is not worth larger batches
# Measured of each size, at least.
UPDATES = 4
SECONDS = 1.0
USUAL = 32  # images a batch, for which rates are meant

Update = Callable[[int, float], object]


def find_batch_size(
    model: keras.Model,
    update_of: Callable[[int], Update],
    *,
    images: int,
    reporter: Reporter,
) -> int:
    """Returns the batch that trains fastest, and says so.

    Batches grow as long as twice as many images give 5% more of them a second, fit
    the memory, and leave an epoch 8 updates. The model's weights and random state are
    left as they were, to the bit; its optimizer is to be built anew.

    Args:
        model: compiled, its optimizer built.
        update_of: of a number of images a batch, gives what computes the update of a
            number, from 0, at a rate; it may compile the model anew.
        images: of training.
        reporter: told of the progress, and of the batch.

    Returns:
        Images a batch.

    Raises:
        RunError: if there is no memory for the smallest, or the model could not be
            brought back.
    """
    largest = max(images // UPDATES_AN_EPOCH, 1)
    sizes = [size for size in SIZES if size <= largest] or [largest]
    speeds: dict[int, float] = {}
    best = sizes[0]
    why = (
        "no larger ones are tried"
        if len(sizes) == len(SIZES)
        else "an epoch has room for no larger ones"
    )
    with (
        reporter.progress("looking for a batch size", len(sizes), "sizes") as advance,
        rolled_back(model, "the search for a batch size"),
    ):
        for size in sizes:
            try:
                speeds[size] = _images_per_second(update_of(size), size)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                why = "there is no memory for larger ones"
                break
            advance(note=f"{size}: {speeds[size]:.0f} images/s")
            if size > best and speeds[size] < GAIN * speeds[best]:
                why = "more gain nothing"
                break
            best = size
    if not speeds:
        raise RunError(
            f"memory ran out with {sizes[0]} images at once. Let fewer layers learn, "
            "with --last, or train at a smaller --image-size."
        )
    tried = ", ".join(f"{size}: {speed:.0f}" for size, speed in speeds.items())
    reporter.info(f"batches of {best}: {why} (images a second: {tried})")
    return best


def scaled_rate(rate: float, batch_size: int, optimizer: str) -> float:
    """Returns the rate for a batch, of one that is meant for batches of 32.

    With SGD it grows as the batch does (Goyal et al., 2017,
    https://arxiv.org/abs/1706.02677), and with optimizers that scale gradients by
    their own size as its square root (Malladi et al., 2022,
    https://arxiv.org/abs/2205.10287).
    """
    ratio = batch_size / USUAL
    return rate * (ratio if optimizer == "sgd" else math.sqrt(ratio))


def _images_per_second(update: Update, size: int) -> float:
    """Measures updates at a rate of 0; what else the machine does only slows them."""
    update(0, 0.0)  # compiles
    seconds: list[float] = []
    while len(seconds) < UPDATES or sum(seconds) < SECONDS:
        started = time.perf_counter()
        update(1 + len(seconds), 0.0)
        seconds.append(time.perf_counter() - started)
    return size / min(seconds)
