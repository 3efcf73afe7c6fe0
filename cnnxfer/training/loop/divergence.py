"""Notices, in the first epochs of a phase, that the learning rate is far too high.

Losses differ from batch to batch, rise a little at the start of training, and are never
small with label smoothing or mixed images. So they are compared with the first loss of
the phase and with that of guessing, and no decision depends on a single loss.
"""

import math
from statistics import median
from typing import Any

from cnnxfer.tasks.score import Score

WINDOW = 10  # updates
FACTOR = 2.0
# A fall of the monitored figure counts if it exceeds both this fraction and so many
# standard deviations of the figure for the number of validation images.
FALL = 0.15
DEVIATIONS = 3.0


class DivergenceWatch:
    """Follows the losses of a phase's first updates, and the score after an epoch.

    A network has lost what it had learned if its loss stays above both that of guessing
    and twice the loss at the start. The same is true if its score is far below that at
    the start and its loss in the second half of an epoch is above the first loss. If
    only the score falls while the loss does not rise, the learning rate is not the
    cause.
    """

    def __init__(
        self,
        chance_loss: float,
        before: Score | None,
        state: dict[str, Any] | None = None,
    ) -> None:
        """Begins to watch, or continues from what `state` returned.

        Args:
            chance_loss: the loss of a model that guesses.
            before: the score that the phase begins with; None for a new head.
            state: what `state` returned, if it is to continue.
        """
        state = state or {}
        self.chance_loss = chance_loss
        self.before = before
        self._first: float | None = state.get("first")
        self._recent: list[float] = state.get("recent", [])
        self._late: list[float] = state.get("late", [0.0, 0])  # sum and count

    def update_done(self, loss: float, late: bool) -> str:
        """Takes the loss of an update and returns what is wrong, or "".

        It is `late` in the second half of its epoch.
        """
        if not math.isfinite(loss):
            return f"the loss became {loss}"
        if self._first is None:
            self._first = loss
        self._recent = [*self._recent, loss][-WINDOW:]
        if late:
            # Limited, so that a single loss does not dominate the mean.
            cut_off = min(loss, FACTOR * self._limit)
            self._late = [self._late[0] + cut_off, self._late[1] + 1]
        now = median(self._recent)
        if len(self._recent) == WINDOW and now > self._limit:
            return f"the loss went from {self._first:.3g} to {now:.3g}"
        return ""

    def epoch_done(self, score: Score, images: int) -> str:
        """Takes the score of validation images and returns what is wrong, or ""."""
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
        """Returns the state as a JSON object, for the constructor of a new watch."""
        return {"first": self._first, "recent": self._recent, "late": self._late}

    @property
    def _limit(self) -> float:
        assert self._first is not None
        # The first batch alone may be an easy one.
        initial = self.before.loss if self.before else self.chance_loss
        return max(self.chance_loss, FACTOR * max(self._first, initial))
