"""The phases of training, each an entry: how it begins, and what trains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnxfer.registry import Registry, load_object

if TYPE_CHECKING:
    import numpy as np

    from cnnxfer.runs import Run
    from cnnxfer.tasks.score import Score
    from cnnxfer.training.setup import Setup


@dataclass(frozen=True)
class Outcome:
    """The scores on the validation images before and after a phase."""

    before: Score | None  # of the model that the phase began with; None for a new one
    after: Score  # of the saved model, which is `before` if no epoch beat it
    # What training has seen the saved model answer to the validation images, float32
    # `(images, ...)`; None where another process has, or nobody will ask.
    answers: np.ndarray | None = None

    @property
    def improved(self) -> bool:
        """Whether the saved model is one that this phase has trained."""
        return self.after.epoch > 0


@dataclass(frozen=True)
class PhaseEntry:
    """A phase that a run may consist of."""

    name: str  # which its settings and metrics have, too; it is in a run's receipt
    title: str  # what the phase does, for progress bars and messages
    from_parent: bool  # whether it begins with a parent's model, and not with a new one
    next_command: str  # what usually comes after it, with the run as its argument
    # What trains: `package.module:function` of a `Setup` and a `Run`, to an `Outcome`.
    trainer: str

    def train(self, setup: Setup, run: Run) -> Outcome:
        """Trains a run from its beginning, or from its last checkpoint, to its end.

        Raises:
            ConfigError: if the settings do not suit the network or the machine.
            DataError: if an image can no longer be read.
            Interrupted: on Ctrl-C or SIGTERM, after saving.
            RunError: if training failed, or a file that the run depends on has changed
                since it began.
        """
        outcome: Outcome = load_object(self.trainer)(setup, run)
        return outcome


PHASES: Registry[PhaseEntry] = Registry("phase")
FROZEN = PHASES.add(
    PhaseEntry(
        "frozen",
        title="training the head",
        from_parent=False,
        next_command="unfreeze",
        trainer="cnnxfer.training.phases.frozen:train",
    )
)
SCRATCH = PHASES.add(
    PhaseEntry(
        "scratch",
        title="training from scratch",
        from_parent=False,
        next_command="evaluate",
        trainer="cnnxfer.training.phases.scratch:train",
    )
)
FINE_TUNE = PHASES.add(
    PhaseEntry(
        "fine_tune",
        title="fine-tuning",
        from_parent=True,
        next_command="predict",
        trainer="cnnxfer.training.phases.fine_tune:train",
    )
)
