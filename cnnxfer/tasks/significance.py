"""Confidence intervals of accuracies, and tests of their differences."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

# Of the standard normal distribution, 95% lie between -Z and Z.
Z = NormalDist().inv_cdf(0.975)
SIGNIFICANCE_LEVEL = 0.05  # a difference with a lower p-value is significant


@dataclass(frozen=True)
class Accuracy:
    """A share of correct answers, or such a figure, with its 95% confidence interval.

    Attributes:
        value: the figure, a fraction in [0, 1].
        low: the lower end of the interval.
        high: the upper end of the interval.
    """

    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """The share and its interval in percent, such as `91.2% [88.5, 93.4]`."""
        return f"{self.value:.1%} [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def named(self, name: str) -> str:
        """Returns the share with its name, such as `91.2% accuracy (88.5 to 93.4)`."""
        interval = f"({100 * self.low:.1f} to {100 * self.high:.1f})"
        return " ".join(filter(None, (f"{self.value:.1%}", name, interval)))

    @property
    def sentence(self) -> str:
        """The share and its interval in words."""
        return f"{self.value:.1%} (95% interval {self.low:.1%} to {self.high:.1%})"


@dataclass(frozen=True)
class MeanLoss:
    """A mean loss with its 95% confidence interval.

    Attributes:
        value: the loss, at least 0.
        low: the lower end of the interval.
        high: the upper end of the interval.
    """

    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """The loss and its interval, such as `0.213 [0.150, 0.281]`."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def wilson_interval(correct: int, images: int) -> Accuracy:
    """Returns the share of correct answers with its 95% confidence interval.

    Args:
        correct: the number of correct answers.
        images: the number of all answers, at least 1.

    Source: Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    share, spread = correct / images, Z * Z / images
    centre = share + spread / 2
    half = math.sqrt(spread * (share * (1 - share) + spread / 4))
    # Rounding must not move an end beyond what is possible.
    low = (centre - half) / (1 + spread) if correct else 0.0
    high = (centre + half) / (1 + spread) if correct < images else 1.0
    return Accuracy(share, low, high)


def difference_interval(one: Accuracy, other: Accuracy) -> tuple[float, float]:
    """Returns the 95% confidence interval of `other.value - one.value`.

    The interval is for accuracies that were measured on different images. On the same
    images two models mostly make the same mistakes, and the true interval is narrower;
    see `mcnemar_p_value`.

    Source: Newcombe, 1998, method 10,
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
    """
    difference = other.value - one.value
    below = math.hypot(other.value - other.low, one.high - one.value)
    above = math.hypot(other.high - other.value, one.value - one.low)
    return difference - below, difference + above


def mcnemar_p_value(gained: int, lost: int) -> float:
    """Returns the p-value of the difference of two models on the same images.

    Images that both models classify correctly, or both wrongly, say nothing about the
    difference. If the models were equally good, each of the other images would be
    equally likely to be classified correctly by the first or by the second.

    Args:
        gained: how many images only the second model classifies correctly.
        lost: how many images only the first model classifies correctly.

    Returns:
        The two-sided p-value of the exact McNemar test, a fraction; 1 for equal counts.

    Source: McNemar, 1947, https://doi.org/10.1007/BF02295996.
    """
    from scipy.special import bdtr

    tail = float(bdtr(min(gained, lost), gained + lost, 0.5))
    return min(2 * tail, 1.0)
