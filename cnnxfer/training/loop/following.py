"""What a worker that is not the first keeps of training: nothing on the disk."""

from typing import Any

import keras
import numpy as np

from cnnxfer.errors import Interrupted
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.checkpoint import Checkpoint
from cnnxfer.training.loop.progress import Progress
from cnnxfer.training.loop.recorder import Recorder, RunRecorder, Values, Weights


class FollowingRecorder(RunRecorder):
    """Keeps in memory what the first worker writes to the run.

    It goes on with a copy of the run, as that was when the phase began.
    """

    place = ""

    def __init__(self, run: Run, classifier: keras.Model, validation: int) -> None:
        """See `RunRecorder`."""
        super().__init__(run, classifier, validation)
        self.place = ""
        self.best_logits = None

    def update_state(self, **changes: Any) -> None:
        """See `Recorder`."""
        Recorder.update_state(self, **changes)

    def update_metrics(self, **values: Any) -> None:
        """See `Recorder`."""

    def add_epoch(
        self,
        progress: Progress,
        score: Score,
        row: dict[str, str],
        weights: Weights | None,
    ) -> None:
        """See `Recorder`."""
        Recorder.add_epoch(self, progress, score, row, weights)

    def write_checkpoint(
        self, progress: Progress, values: Values, *, also_keep: int
    ) -> int:
        """See `Recorder`; numbers go on after those of the copy."""
        if not self._checkpoints and (last := super().last_checkpoint()):
            self._checkpoints[last.number] = last
        return Recorder.write_checkpoint(self, progress, values, also_keep=also_keep)

    def checkpoint_at(self, number: int) -> Checkpoint | None:
        """See `Recorder`."""
        return Recorder.checkpoint_at(self, number) or super().checkpoint_at(number)

    def last_checkpoint(self, reporter: Reporter | None = None) -> Checkpoint | None:
        """See `Recorder`."""
        return Recorder.last_checkpoint(self, reporter) or super().last_checkpoint()

    def undo_epochs(self, start: Progress, current: Progress) -> None:
        """See `Recorder`."""
        Recorder.undo_epochs(self, start, current)
        if start.stage:
            start.kept = current.kept

    def keep_known_answers(self, answers: np.ndarray | None) -> None:
        """See `Recorder`."""

    def require_model(self, weights: Weights) -> None:
        """See `Recorder`."""

    def interruption(self, progress: Progress) -> Interrupted:
        """See `Recorder`."""
        return Recorder.interruption(self, progress)
