"""A learning rate for fine-tuning, from a short test of many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np

from cnnxfer.errors import RunError
from cnnxfer.reporting import Reporter
from cnnxfer.training.optimization.batch_size_search import USUAL, scaled_rate
from cnnxfer.training.optimization.rolled_back import rolled_back

# What each optimizer may be given, from far too low to far too high.
RANGES = {
    "sgd": (1e-4, 3.0),
    "adamw": (1e-6, 0.1),
    "adam": (1e-6, 0.1),
    "rmsprop": (1e-6, 0.1),
    "lion": (1e-7, 0.01),
}
UPDATES = (24, 60)  # at least, and at most
SHARE = 0.5  # of an epoch, in between
SMOOTHING = 0.8
# Of the loss before: so much more of it is the end of all learning.
DIVERGED = 0.5
# It shows only some updates later that a rate is too high, and what bears a few
# updates is too high for an epoch. MobileNet 0.25 on tf_flowers, its last third, loses
# what it knew at 0.08 with SGD and at 0.0033 with AdamW, after 25 and 27 updates. After
# 6 epochs, validation accuracy is best at 0.01 and 0.0003 (0.908 and 0.904; at a third
# of these it is 0.894, and at 0.03 with SGD it falls in the first epoch).
EARLIER = 5  # updates
BELOW = 1 / 3

Update = Callable[[int, float], tuple[float, float]]


def find_rate(
    model: keras.Model,
    update: Update,
    *,
    optimizer: str,
    steps_per_epoch: int,
    batch_size: int = USUAL,
    reporter: Reporter,
) -> float:
    """Returns the highest rate that a phase should have, and says how it was found.

    The weights are updated at rates that grow from step to step, until the loss says
    that it was too much (Smith, 2015, https://arxiv.org/abs/1506.01186). Losses of
    small batches differ by more than a step changes them; so the same batches, with
    the same dropout, are computed at a rate of 0 first, and what counts is the
    difference. The model is left as it was, to the bit.

    Args:
        model: compiled, its optimizer built.
        update: computes the update of a number, from 0, at a rate; returns the loss
            and the accuracy before it. The same number means the same images.
        optimizer: what it is called in the settings.
        steps_per_epoch: updates an epoch; the test has half as many of each kind.
        batch_size: images an update. Small batches bear less over an epoch than over
            a few updates, so below 32 the rate is the less, see `scaled_rate`.
        reporter: told of the progress, and of the rate.

    Raises:
        RunError: if the loss is no number at any rate, or the model could not be
            brought back.
    """
    least, most = UPDATES
    count = min(max(round(SHARE * steps_per_epoch), least), most)
    rates = np.geomspace(*RANGES[optimizer], count).tolist()
    with reporter.progress("looking for a learning rate", 2 * count, "updates") as done:
        with rolled_back(model, "the search for a learning rate"):
            before = []
            for number in range(count):
                before.append(update(number, 0.0)[0])
                done()
        if not np.isfinite(before).all():
            raise RunError(
                "the loss is no number before anything is learned. "
                "Try --precision float32."
            )
        with rolled_back(model, "the search for a learning rate"):
            differences: list[float] = []
            for number, rate in enumerate(rates):
                loss = update(number, rate)[0]
                differences.append(loss - before[number])
                done()
                if _diverged(differences, before):
                    break
    rate = choose_rate(
        rates[: len(differences)],
        scaled_rate(1.0, min(batch_size, USUAL), optimizer),
    )
    end = "where the loss had risen" if _diverged(differences, before) else "no trouble"
    reporter.info(
        f"learning rate {rate:g}: tried from {rates[0]:g} to "
        f"{rates[len(differences) - 1]:.2g}, {end}, in {len(differences)} updates"
    )
    return rate


def choose_rate(tried: Sequence[float], share: float = 1.0) -> float:
    """Returns a rate, rounded to one digit, of rates that grew until all was lost.

    Args:
        tried: these rates.
        share: of what would be taken with usual batches.
    """
    early = tried[max(len(tried) - 1 - EARLIER, 0)]
    return float(f"{max(share * BELOW * early, tried[0]):.0e}")


def smoothed(values: Sequence[float]) -> list[float]:
    """Returns moving averages, each over those before it as well, the older the less.

    What is no number is infinite.
    """
    average, result = 0.0, []
    for index, value in enumerate(values):
        value = value if math.isfinite(value) else math.inf
        average = SMOOTHING * average + (1 - SMOOTHING) * value
        result.append(average / (1 - SMOOTHING ** (index + 1)))
    return result


def _diverged(differences: Sequence[float], before: Sequence[float]) -> bool:
    smooth = smoothed(differences)
    return smooth[-1] - min(smooth) > DIVERGED * float(np.mean(before))
