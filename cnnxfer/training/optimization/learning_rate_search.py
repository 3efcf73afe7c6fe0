"""Two ways to find a learning rate: at growing rates, and by short trials of a few."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

from cnnxfer.config import Phase
from cnnxfer.errors import RunError
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import option
from cnnxfer.training.optimization.batch_size_search import REFERENCE_SIZE, scaled_rate
from cnnxfer.training.optimization.learning_rates import Rates
from cnnxfer.training.optimization.rolled_back import rolled_back

# The rates that are tried for each optimizer, from far too low to far too high.
RANGES = {
    "sgd": (1e-4, 3.0),
    "adamw": (1e-6, 0.1),
    "adam": (1e-6, 0.1),
    "rmsprop": (1e-6, 0.1),
    "lion": (1e-7, 0.01),
}
UPDATES = (24, 60)  # at least, and at most
SHARE = 0.5  # of the updates in an epoch, within these limits
SMOOTHING = 0.8
# Training has diverged if the loss has risen by this fraction of the initial loss.
DIVERGED = 0.5
# A loss shows only some updates later that a rate was too high, and a rate that a few
# updates tolerate is too high for an epoch. When the last third of MobileNet 0.25 is
# trained on tf_flowers, the loss diverges at a rate of 0.08 with SGD and 0.0033 with
# AdamW, after 25 and 27 updates. After 6 epochs, validation accuracy is best at 0.01
# and 0.0003 (0.908 and 0.904; at a third of these rates it is 0.894, and at 0.03 with
# SGD it falls in the first epoch).
UPDATES_BACK = 5
REDUCTION = 1 / 3


# The rates of `short_trials`, which suit all optimizers on features of unit scale.
TRIED = (0.0003, 0.001, 0.003, 0.01, 0.03)
TRIAL_EPOCHS = 1  # with five, the choice was no better


@dataclass(frozen=True)
class Trainee:
    """A network for which a learning rate is to be found."""

    model: keras.Model  # compiled; its optimizer is built
    # Computes an update, given its number from 0 and the learning rate; returns the
    # loss and the accuracy before it. The same number means the same images and the
    # same dropout.
    update: Callable[[int, float], tuple[float, float]]
    validation_loss: Callable[[], float]
    settings: Phase
    steps_per_epoch: int
    batch_size: int
    reporter: Reporter


RateSearch = Callable[[Trainee], float]


def short_trials(trainee: Trainee) -> float:
    """Returns the rate with which a short training has the lowest validation loss.

    The lowest of equally good rates is returned, and how it was found is reported. The
    model is restored to the bit.

    Raises:
        RunError: if the model could not be restored.
    """
    losses = {}
    title = "looking for a learning rate"
    with trainee.reporter.progress(title, len(TRIED), "trials") as advance:
        for rate in TRIED:
            with rolled_back(trainee.model, "the search for a learning rate"):
                losses[rate] = _loss_after_trial(trainee, rate)
            advance()
    best = min(losses, key=losses.__getitem__)
    figures = ", ".join(f"{rate:g}: {loss:.3f}" for rate, loss in losses.items())
    trainee.reporter.detail(
        f"learning rate {best:g}: the lowest validation loss in short trials "
        f"({figures})"
    )
    return best


def _loss_after_trial(trainee: Trainee, rate: float) -> float:
    """Returns the validation loss after a short training; infinite if it diverged."""
    steps = trainee.steps_per_epoch
    rates = Rates(replace(trainee.settings, epochs=TRIAL_EPOCHS), steps, rate)
    for number in range(TRIAL_EPOCHS * steps):
        loss, _ = trainee.update(number, rates.at(number))
        if not math.isfinite(loss):
            return math.inf
    loss = trainee.validation_loss()
    return loss if math.isfinite(loss) else math.inf


def growing_rates(trainee: Trainee) -> float:
    """Returns the highest rate that a phase should use, and reports how it was found.

    The test computes as many updates as half an epoch has at a rate of 0, and at most
    as many at growing rates. Small batches tolerate less over an epoch than over a few
    updates, so the rate is reduced for fewer than 32 images; see `scaled_rate`.

    The weights are updated at rates that grow from step to step until the loss diverges
    (Smith, 2015, https://arxiv.org/abs/1506.01186). The losses of small batches differ
    by more than a step changes them. So the same batches, with the same dropout, are
    computed at a rate of 0 first, and the differences are what counts. The model is
    restored to the bit.

    Raises:
        RunError: if the loss is not finite before any update, or the model could not be
            restored.
    """
    model, update, reporter = trainee.model, trainee.update, trainee.reporter
    optimizer = trainee.settings.optimizer
    least, most = UPDATES
    count = min(max(round(SHARE * trainee.steps_per_epoch), least), most)
    rates = np.geomspace(*RANGES[optimizer], count).tolist()
    title = "looking for a learning rate"
    with reporter.progress(title, 2 * count, "updates") as advance:
        with rolled_back(model, "the search for a learning rate"):
            before = []
            for number in range(count):
                before.append(update(number, 0.0)[0])
                advance()
        if not np.isfinite(before).all():
            raise RunError(
                "the loss is not a finite number before the first update. "
                f"Try {option('--precision', 'float32')}."
            )
        with rolled_back(model, "the search for a learning rate"):
            differences: list[float] = []
            for number, rate in enumerate(rates):
                loss = update(number, rate)[0]
                differences.append(loss - before[number])
                advance()
                if _diverged(differences, before):
                    break
    rate = choose_rate(
        rates[: len(differences)],
        scaled_rate(1.0, min(trainee.batch_size, REFERENCE_SIZE), optimizer),
    )
    risen = "had risen" if _diverged(differences, before) else "had not risen"
    reporter.detail(
        f"learning rate {rate:g}: tried from {rates[0]:g} to "
        f"{rates[len(differences) - 1]:.2g}, where the loss {risen}, in "
        f"{len(differences)} updates"
    )
    return rate


def choose_rate(tried: Sequence[float], share: float = 1.0) -> float:
    """Returns the rate to use, rounded to one digit.

    Args:
        tried: the rates that were tried, in growing order; the loss diverged at the
            last one, or the test ended with it.
        share: a factor for small batches, at most 1.
    """
    early = tried[max(len(tried) - 1 - UPDATES_BACK, 0)]
    return float(f"{max(share * REDUCTION * early, tried[0]):.0e}")


def smoothed(values: Sequence[float]) -> list[float]:
    """Returns the exponential moving averages of values, without a bias towards 0.

    NaN counts as infinite.
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
