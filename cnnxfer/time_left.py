"""How long a command still takes, learned from how long its work has taken so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ENOUGH_SECONDS = 0.3  # to tell a speed; several steps may be done at once


@dataclass(frozen=True)
class TimeLeft:
    """How long something still takes.

    Attributes:
        seconds: the time that is known of.
        whole: whether that is all; work of a new kind may follow.
    """

    seconds: float
    whole: bool = True

    @property
    def text(self) -> str:
        """The time as "0:07" or "1:02:03", with a plus if it is not all."""
        minutes, seconds = divmod(round(self.seconds), 60)
        hours, minutes = divmod(minutes, 60)
        text = f"{hours}:{minutes:02}" if hours else str(minutes)
        return f"{text}:{seconds:02}" + "+" * (not self.whole)


class Work:
    """Steps of one kind that are being done.

    Attributes:
        total: the number of steps; None if it is not known.
        unit: what a step is.
        done: the number of steps that are done.
    """

    def __init__(
        self, total: int | None, unit: str, clock: Callable[[], float]
    ) -> None:
        """Begins with no step done."""
        self.total = total
        self.unit = unit
        self.done = 0
        self._clock = clock
        self._began = clock()
        self._counted_from = 0  # how many steps were done at that time

    def advance(self, steps: int) -> None:
        """Counts steps as done."""
        if not self.done and steps != self.total:
            # The first steps are slower, since what they need is loaded.
            self._began, self._counted_from = self._clock(), steps
        self.done += steps

    @property
    def speed(self) -> float | None:
        """The steps that a second takes on average; None if that is not known yet."""
        seconds = self._clock() - self._began
        counted = self.done - self._counted_from
        is_known = seconds >= ENOUGH_SECONDS or self.done == self.total
        return counted / seconds if counted and seconds and is_known else None


class Forecast:
    """Knows what work follows, and how fast work of its kind was."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begins with no work."""
        self._clock = clock
        self._later: list[tuple[float, str]] = []  # steps of a unit
        self._speeds: dict[str, float] = {}  # steps a second, by unit

    def begin(self, total: int | None, unit: str) -> Work:
        """Returns new work."""
        return Work(total, unit, self._clock)

    @contextmanager
    def expecting(self, steps: float, unit: str) -> Iterator[None]:
        """Expects more work after the block."""
        self._later.append((steps, unit))
        try:
            yield
        finally:
            self._later.pop()

    def advance(self, work: Work, steps: int) -> TimeLeft | None:
        """Counts steps as done, and learns from them how fast such work is.

        Returns:
            How long the work and all that follows takes; None if that is not known yet.
        """
        work.advance(steps)
        speed = work.speed
        if work.unit and speed:
            self._speeds[work.unit] = speed
        speed = speed or self._speeds.get(work.unit)
        if work.total is None or not speed:
            return None
        later = [(more, self._speeds.get(unit)) for more, unit in self._later if more]
        seconds = max(work.total - work.done, 0) / speed
        seconds += sum(more / speed for more, speed in later if speed)
        return TimeLeft(seconds, all(speed for _, speed in later))
