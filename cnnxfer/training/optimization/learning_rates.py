"""The learning rate of every update, by a schedule."""

import math
from dataclasses import asdict
from typing import Any

from cnnxfer.config import Phase
from cnnxfer.tasks.score import Score

# The one-cycle schedule: the fraction of the updates in which the rate rises, and the
# fractions of the highest rate that it begins and ends with.
RISE = 0.3
FIRST = 1 / 25
LAST = 1e-4


class Rates:
    """The learning rates of a phase.

    The rate rises linearly during a warm-up and then follows a schedule:

    - `constant`.
    - `cosine`: falls to zero along half a cosine wave.
    - `inverse-time`: is divided by 1 + decay * updates.
    - `step`: is multiplied by `step_factor` every `step_epochs`.
    - `plateau`: is multiplied by `step_factor` after `plateau_patience` epochs without
      a better score.
    - `one-cycle`: has no warm-up; rises linearly to the highest rate and falls along
      half a cosine wave (Smith, 2018, https://arxiv.org/abs/1803.09820; momentum stays
      constant).

    The schedule depends on the number of epochs, so a phase with added epochs continues
    at the rates of the longer phase: at the end of a cosine, the rate jumps up and
    falls to zero at the new end (a warm restart, Loshchilov and Hutter, 2017,
    https://arxiv.org/abs/1608.03983).
    """

    def __init__(self, settings: Phase, steps_per_epoch: int, peak: float) -> None:
        self.settings = settings
        self.steps_per_epoch = steps_per_epoch
        self.peak = peak
        self._best: Score | None = None
        self._waited = 0  # epochs since the best
        self._lowered = 0  # times

    def at(self, step: int) -> float:
        """Returns the rate of an update, counted from 0 over all epochs."""
        settings = self.settings
        total = settings.epochs * self.steps_per_epoch
        if settings.schedule == "one-cycle":
            return self.peak * _one_cycle(step / max(total - 1, 1))
        warmup = settings.warmup_epochs * self.steps_per_epoch
        after = max(step - warmup, 0.0)
        factor = 1.0
        if settings.schedule == "cosine":
            factor = _half_wave(after / max(total - warmup, 1.0))
        elif settings.schedule == "inverse-time":
            factor = 1 / (1 + settings.decay * after)
        elif settings.schedule == "step":
            times = step // (settings.step_epochs * self.steps_per_epoch)
            factor = settings.step_factor**times
        elif settings.schedule == "plateau":
            factor = settings.step_factor**self._lowered
        if step + 1 < warmup:
            factor *= (step + 1) / warmup
        return self.peak * factor

    def epoch_ended(self, score: Score) -> None:
        """Takes the score after an epoch, on which `plateau` depends."""
        if score.beats(self._best):
            self._best, self._waited = score, 0
            return
        self._waited += 1
        if self._waited >= self.settings.plateau_patience:
            self._waited = 0
            self._lowered += 1

    def state(self) -> dict[str, Any]:
        """Returns the state as a JSON object, which `restore` reads."""
        best = asdict(self._best) if self._best else None
        return {"best": best, "waited": self._waited, "lowered": self._lowered}

    def restore(self, state: dict[str, Any]) -> None:
        """Restores what `state` returned."""
        self._best = Score(**state["best"]) if state["best"] else None
        self._waited, self._lowered = state["waited"], state["lowered"]


def _half_wave(position: float) -> float:
    """Returns 1 falling to 0 as the position goes from 0 to 1, and 0 beyond."""
    return (1 + math.cos(math.pi * min(position, 1.0))) / 2


def _one_cycle(position: float) -> float:
    """Returns the fraction of the highest rate at a position from 0 to 1."""
    if position < RISE:
        return FIRST + (1 - FIRST) * position / RISE
    return LAST + (1 - LAST) * _half_wave((position - RISE) / (1 - RISE))
