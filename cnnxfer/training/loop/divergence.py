"""Whether the learning rate is far too high, told while a phase begins.

Losses differ from batch to batch, rise a little while an optimizer finds its way, and
are never small with label smoothing or mixed images. So they are compared with the
phase's own first one and with that of guessing, and a single one tells nothing.
"""

from __future__ import annotations

import math
from statistics import median
from typing import Any

from cnnxfer.tasks.score import Score

WINDOW = 10  # updates
FACTOR = 2.0
# Of the monitored figure; and in standard deviations of what so many images can tell.
FALL = 0.15
DEVIATIONS = 3.0


class DivergenceWatch:
    """Follows the losses of a phase's first updates, and the score after them.

    A network whose loss stays above both that of guessing and twice that of before has
    lost what it knew. So has one that scores far worse than before, while its loss in
    the second half of an epoch is above its first; where training goes well and only
    the score falls, the rate is not to blame.
    """

    def __init__(
        self, chance: float, before: Score | None, state: dict[str, Any] | None = None
    ) -> None:
        """Begins to watch, or goes on from a state.

        Args:
            chance: loss of a model that knows nothing.
            before: the score that the phase begins with; None of a new head.
            state: what `state` returned.
        """
        state = state or {}
        self.chance = chance
        self.before = before
        self._first: float | None = state.get("first")
        self._recent: list[float] = state.get("recent", [])
        self._late: list[float] = state.get("late", [0.0, 0])  # sum and number

    def update_done(self, loss: float, late: bool) -> str:
        """Takes the loss of an update; returns what is wrong, or "".

        Args:
            loss: of the batch, before the update.
            late: whether it is in the second half of its epoch.
        """
        if not math.isfinite(loss):
            return f"the loss became {loss}"
        if self._first is None:
            self._first = loss
        self._recent = [*self._recent, loss][-WINDOW:]
        if late:
            # Cut off, so that a single one does not make the mean.
            cut_off = min(loss, FACTOR * self._limit)
            self._late = [self._late[0] + cut_off, self._late[1] + 1]
        now = median(self._recent)
        if len(self._recent) == WINDOW and now > self._limit:
            return f"the loss went from {self._first:.3g} to {now:.3g}"
        return ""

    def epoch_done(self, score: Score, images: int) -> str:
        """Takes the score after an epoch; returns what is wrong, or "".

        Args:
            score: of validation.
            images: how many it is of.
        """
        before = self.before
        if not math.isfinite(score.loss):
            return f"the validation loss became {score.loss}"
        loss_sum, updates = self._late
        self._late = [0.0, 0]
        if self._first is None or not updates:
            return ""
        late = loss_sum / updates
        if late > self._limit:
            limit = f"{self._limit:.3g}"
            return f"the loss went from {self._first:.3g} to more than {limit}"
        if before is None:
            return ""
        fall = before.value - score.value
        middle = (before.value + score.value) / 2
        noise = math.sqrt(middle * (1 - middle) / images)
        if late <= self._first or fall <= max(FALL, DEVIATIONS * noise):
            return ""
        return (
            f"validation {before.name} fell from {before.value:.1%} to "
            f"{score.value:.1%}"
        )

    def state(self) -> dict[str, Any]:
        """Returns what a new one needs to go on from here, as JSON can hold it."""
        return {"first": self._first, "recent": self._recent, "late": self._late}

    @property
    def _limit(self) -> float:
        assert self._first is not None
        # A single batch may be an easy one.
        known = self.before.loss if self.before else self.chance
        return max(self.chance, FACTOR * max(self._first, known))
