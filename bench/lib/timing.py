"""How long work in this process takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence


def race(
    works: Sequence[Callable[[], object]], *, images: int, rounds: int
) -> list[list[float]]:
    """Returns images a second of each work, round by round.

    They run in turn, so that other work on the machine meets them alike.

    Args:
        works: each goes through all images.
        images: how many there are.
        rounds: how often all is done.
    """
    return [[images / _seconds(work) for work in works] for _ in range(rounds)]


def share_of_limit(decoding: float, computing: float, reached: float) -> float:
    """Returns what is reached of 1 / (1 / decoding + 1 / computing).

    That is the limit where each has all cores by turns. All are images a second.
    """
    return reached * (1 / decoding + 1 / computing)


def drain(items: Iterable[object]) -> None:
    """Takes all items, and keeps none."""
    for _ in items:
        pass


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
