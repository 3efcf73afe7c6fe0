"""Round numbers along an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

STEPS = 1, 2, 5, 10  # times a power of ten
LEAST_RANGE = 1e-9  # of values that hardly differ


@dataclass(frozen=True)
class Axis:
    """A range of values, and the round numbers in it.

    Attributes:
        low: the lowest value.
        high: the highest value, which is greater.
        ticks: where numbers are written, ascending.
        percent: whether they are fractions, written as percent.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    percent: bool = False

    def share(self, value: float) -> float:
        """Returns how far along the axis a value lies: 0 at its low end, 1 at its high.

        Values beyond an end are drawn there.
        """
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def written(self, tick: float) -> str:
        """Returns the text of one of its numbers."""
        return f"{100 * tick:.4g}%" if self.percent else f"{tick:.4g}"


def axis_of(
    values: Iterable[float], *, percent: bool = False, whole: bool = False
) -> Axis:
    """Returns an axis on which all values have a place, between round numbers.

    Args:
        values: finite numbers; without any, the axis is from 0 to 1.
        percent: whether they are fractions, which are written as percent.
        whole: whether only whole numbers are written.
    """
    known = list(values) or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < max(LEAST_RANGE, 1e-6 * abs(high)):
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    if whole:
        step = max(1.0, _round_step((high - low) / 6))
        first, last = math.ceil(low / step), math.floor(high / step)
    else:
        step = _round_step((high - low) / 4)
        first, last = math.floor(low / step), math.ceil(high / step)
        low, high = first * step, last * step
        if percent:
            low, high = max(low, 0.0), min(max(high, low + step), 1.0)
    ticks = (number * step for number in range(first, last + 1))
    inside = tuple(tick for tick in ticks if low <= tick <= high + 1e-9 * step)
    return Axis(low, high, inside, percent)


def _round_step(least: float) -> float:
    """Returns 1, 2 or 5, times a power of ten: the smallest that is large enough."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in STEPS if step * power >= least * (1 - 1e-9))
