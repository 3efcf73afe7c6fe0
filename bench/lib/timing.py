"""How long work in this process takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence


def race(
    works: Sequence[Callable[[], object]], *, images: int, rounds: int
) -> list[list[float]]:
    """Returns the images a second of each work, in a list for each round.

    The works run in turn, so that other work on the machine affects all of them.

    Args:
        works: functions, each of which goes through all images.
        images: the number of images.
        rounds: how often each work is run.
    """
    return [[images / _seconds(work) for work in works] for _ in range(rounds)]


def share_of_limit(decoding: float, computing: float, reached: float) -> float:
    """Returns the share of 1 / (1 / decoding + 1 / computing) that is reached.

    That is the limit if decoding and computing take turns with all cores. The arguments
    are images a second.
    """
    return reached * (1 / decoding + 1 / computing)


def drain(items: Iterable[object]) -> None:
    """Goes through all items and keeps none."""
    for _ in items:
        pass


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
