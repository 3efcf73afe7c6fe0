"""How far confidences are from the shares that are right, and what brings them nearer.

Source: Guo et al., 2017, https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cnnxfer.runs.contents import LEAST_TEMPERATURE, MOST_TEMPERATURE

BINS = 15  # as in the paper
# Of the logarithm of a temperature; one this near to a bound has run into it.
TOLERANCE = 1e-3
# A number that is fitted has to raise the log likelihood by more than 1, or it is not
# expected to do better on other images (Akaike, 1974,
# https://doi.org/10.1109/TAC.1974.1100705). A few images rarely tell so much.
LEAST_GAIN = 1.0
# How many logits are enough for one number; more only take time.
ENOUGH = 2_000_000
# Returns the log losses of logits, in nats: one for each label that is to be known. The
# arguments are logits and targets, as `fit_temperature` takes them.
LogLosses = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ReliabilityBin:
    """The answers whose confidence lies in one bin of a reliability diagram.

    Attributes:
        low: the lower end of the bin, a fraction; it is not part of the bin, unless
            it is 0.
        high: the upper end, which is part of it.
        count: the number of answers, at least 1.
        confidence: their mean confidence, a fraction.
        right: the share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    right: float


def reliability_bins(
    confidence: np.ndarray, right: np.ndarray, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Returns the bins of a reliability diagram that hold an answer, in rising order.

    Args:
        confidence: the probability of each answer, `(answers,)` in [0, 1]. If images
            may have several labels, each class of each image is an answer, and its
            probability the one that the class is there.
        right: bool `(answers,)`: whether each is right; or whether the class is there.
        bins: the number of bins, all of the same width, at least 1.
    """
    edges = np.arange(bins + 1) / bins
    places = bin_places(confidence, bins)
    counts = np.bincount(places, minlength=bins)
    sure = np.bincount(places, confidence, minlength=bins)
    correct = np.bincount(places, right, minlength=bins)
    return tuple(
        ReliabilityBin(
            float(edges[at]),
            float(edges[at + 1]),
            int(counts[at]),
            float(sure[at] / counts[at]),
            float(correct[at] / counts[at]),
        )
        for at in np.flatnonzero(counts).tolist()
    )


def bin_places(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Returns the number of the bin of each answer, int `(answers,)`, from 0.

    The arguments are those of `reliability_bins`.
    """
    edges = np.arange(1, bins) / bins
    places: np.ndarray = np.digitize(confidence, edges, right=True)
    return places


def expected_calibration_error(
    confidence: np.ndarray, right: np.ndarray, bins: int = BINS
) -> float:
    """Returns how far confidence is from the share that is right, on average.

    That is the mean, over all answers, of the distance between the mean confidence in
    a bin and the share of it that is right (equation 3 of Guo et al., 2017,
    https://arxiv.org/abs/1706.04599). The fewer answers there are, the further it is
    above 0 for perfect confidences, too.

    Args:
        confidence: as `reliability_bins` takes it, with at least one answer.
        right: likewise.
        bins: likewise.

    Returns:
        A fraction in [0, 1]; 0 is perfectly calibrated.
    """
    gaps = [
        each.count * abs(each.confidence - each.right)
        for each in reliability_bins(confidence, right, bins)
    ]
    return sum(gaps) / len(confidence)


def fit_temperature(
    logits: np.ndarray, targets: np.ndarray, log_losses: LogLosses
) -> float | None:
    """Returns the temperature that gives the least log loss of `logits / temperature`.

    The order of the classes remains what it is. Above 1, the probabilities become less
    extreme.

    Args:
        logits: float64 `(images, classes)`, of images that were not trained on.
        targets: `(images, classes)` of 1 and 0: the classes that an image shows.
        log_losses: computes the losses.

    Returns:
        A number between 0.05 and 20. None if the images don't tell it: if the least
        log loss is at an end of that range, as with answers that are all right; or if
        it is lower by so little that one temperature more or less could be chance, as
        with few images. So the log loss on these images is never above that without a
        temperature.
    """
    from scipy.optimize import minimize_scalar

    step = -(-logits.size // ENOUGH) or 1
    logits, targets = logits[::step], targets[::step]

    def loss_at(logarithm: float) -> float:
        return float(log_losses(logits / np.exp(logarithm), targets).sum())

    bounds = np.log([LEAST_TEMPERATURE, MOST_TEMPERATURE])
    best = minimize_scalar(
        loss_at, bounds=bounds, method="bounded", options={"xatol": TOLERANCE}
    )
    inside = np.abs(best.x - bounds).min() > 2 * TOLERANCE
    if inside and loss_at(0.0) - best.fun > LEAST_GAIN:  # a NaN is not more
        return round(float(np.exp(best.x)), 6)
    return None
