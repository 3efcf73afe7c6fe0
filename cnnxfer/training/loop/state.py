"""What a phase decides or measures once, and `resume` must not decide again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from cnnxfer.tasks.agreement import Verdict
from cnnxfer.tasks.score import Score


@dataclass(frozen=True)
class StageState:
    """What a stage of a phase is trained on."""

    cut: str = ""  # the layer at which the network is cut; "" for the whole network
    views: int = 0  # cached ones of each training image; 0 for the whole network
    engine: str = ""  # the `engine_text` of what computed them


@dataclass(frozen=True)
class PhaseState:
    """What a phase has decided or measured, in addition to its checkpoints."""

    before: Score | None = None  # of the model that the phase began with, if measured
    stages: tuple[StageState, ...] = ()  # that have begun
    # How well the saved model agrees with the network that was trained, if measured.
    agreement: Verdict | None = None

    def stage(self, number: int) -> StageState | None:
        """Returns what a stage is trained on; None if it has not begun."""
        return self.stages[number] if number < len(self.stages) else None

    def with_stage(self, number: int, stage: StageState) -> PhaseState:
        """Returns the state after a stage has begun."""
        return dataclasses.replace(self, stages=(*self.stages[:number], stage))
