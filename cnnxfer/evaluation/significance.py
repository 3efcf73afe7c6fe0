"""What chance could have done to a share of right answers, and to a difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959964  # leaves 2.5% on either side of a normal distribution
LEVEL = 0.05  # what is rarer by chance alone is taken for more than chance


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers, with its 95% confidence interval.

    Attributes:
        value: a fraction.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """The share and its interval, such as `91.2% [88.5, 93.4]`."""
        return f"{self.value:.1%} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def wilson_interval(correct: int, images: int) -> Accuracy:
    """Returns a share of right answers with its 95% confidence interval.

    Source: Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    share = correct / images
    middle = share + Z * Z / (2 * images)
    spread = Z * math.sqrt(share * (1 - share) / images + Z * Z / (4 * images**2))
    scale = 1 + Z * Z / images
    low, high = (middle - spread) / scale, (middle + spread) / scale
    # Rounding may put an end beyond the share itself.
    return Accuracy(share, max(0.0, min(share, low)), min(1.0, max(share, high)))


def difference_interval(one: Accuracy, other: Accuracy) -> tuple[float, float]:
    """Returns the 95% confidence interval of `other.value - one.value`.

    It takes the two for measured on different images. On the same images two models
    mostly make the same mistakes, and the true interval is narrower; see `pair_chance`.

    Source: Newcombe, 1998, method 10,
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
    """
    difference = other.value - one.value
    below = math.hypot(other.value - other.low, one.high - one.value)
    above = math.hypot(other.high - other.value, one.value - one.low)
    return difference - below, difference + above


def pair_chance(gained: int, lost: int) -> float:
    """Returns how often chance alone would make two models differ at least as much.

    Both answered the same images. Those that both got right, or both wrong, tell
    nothing; of two equal models, each of the others is as likely right with the one.

    Args:
        gained: how many images only the second got right.
        lost: how many only the first did.

    Returns:
        The two-sided p-value of the exact McNemar test, a fraction; 1 for equal counts.

    Source: McNemar, 1947, https://doi.org/10.1007/BF02295996.
    """
    differing = gained + lost
    outcomes = ways = 1  # of the 2**differing, those at least as uneven, on one side
    for k in range(min(gained, lost)):
        ways = ways * (differing - k) // (k + 1)
        outcomes += ways
    return min(1.0, 2 * outcomes / (1 << differing))
