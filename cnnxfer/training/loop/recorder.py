"""Records what training produces: in memory, or in the directory of a run."""

import dataclasses
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import keras
import numpy as np

from cnnxfer.engines.keras_engine import computes_on_cpu
from cnnxfer.errors import Interrupted, RunError
from cnnxfer.networks.classifier import answers_of
from cnnxfer.networks.description import describe
from cnnxfer.networks.run_model import restore_model
from cnnxfer.networks.saving import save_model
from cnnxfer.records import from_json
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.checkpoint import (
    Checkpoint,
    checkpoint_at,
    read_checkpoint,
    save_checkpoint,
)
from cnnxfer.training.loop.messages import interruption
from cnnxfer.training.loop.progress import Progress
from cnnxfer.training.loop.state import PhaseState
from cnnxfer.training.tracking.tracking import Tracking
from cnnxfer.training.variables import changing_weights, restoring, set_values

Values = Mapping[str, np.ndarray]
Weights = list[np.ndarray]


class Recorder:
    """Keeps what training produces in memory, and writes nothing."""

    place = ""  # where model and checkpoints are, for people; "" for nowhere

    def __init__(self, classifier: keras.Model) -> None:
        # In float32 whatever the precision in training, so that it answers the same on
        # every machine, with or without a GPU.
        self.classifier = classifier
        self.state = PhaseState()
        # The values of `changing_weights(classifier)` in the model to keep; None before
        # an epoch of this process had it.
        self.best: Weights | None = None
        # The answers of that model to the validation images, float32 `(images, ...)`;
        # None if there is none yet, or they are too many to keep.
        self.best_logits: np.ndarray | None = None
        self._best_at_checkpoint: Weights | None = None
        self._checkpoints: dict[int, Checkpoint] = {}

    @property
    def best_answers(self) -> np.ndarray | None:
        """What the saved model makes of `best_logits`; None if there are none."""
        logits = self.best_logits
        return None if logits is None else answers_of(self.classifier, logits)

    def update_state(self, **changes: Any) -> None:
        """Changes some attributes of the state."""
        self.state = dataclasses.replace(self.state, **changes)

    def update_metrics(self, **values: Any) -> None:
        """Records figures for people; None removes one."""

    def add_epoch(
        self,
        progress: Progress,
        score: Score,
        row: dict[str, str],
        weights: Weights | None,
    ) -> None:
        """Records an epoch, which is written with the next checkpoint at the latest.

        Args:
            progress: the progress of the phase; `kept` is the score of the best model.
            score: the score after the epoch.
            row: the epoch's row of the history, without phase and epoch number.
            weights: those of the model to keep, if it is the one of this epoch.
        """
        if weights is not None:
            self.best = weights

    def write_checkpoint(
        self, progress: Progress, values: Values, *, also_keep: int
    ) -> int:
        """Records a checkpoint and returns its number; see `save_checkpoint`.

        Raises:
            RunError: if it cannot be written.
        """
        self._best_at_checkpoint = self.best
        number = max(self._checkpoints, default=0) + 1
        copy = deepcopy(progress)
        self._checkpoints = {
            old: checkpoint
            for old, checkpoint in self._checkpoints.items()
            if old == also_keep
        }
        self._checkpoints[number] = Checkpoint(number, copy, lambda: dict(values))
        return number

    def checkpoint_at(self, number: int) -> Checkpoint | None:
        """Returns the checkpoint with a number; None if it is missing or damaged."""
        return self._checkpoints.get(number)

    def last_checkpoint(self, reporter: Reporter | None = None) -> Checkpoint | None:
        """Returns the last complete checkpoint; see `read_checkpoint`."""
        return self._checkpoints.get(max(self._checkpoints, default=0))

    def forget_epochs(self) -> None:
        """Forgets the epochs since the last checkpoint, which are trained again."""
        self.best = self._best_at_checkpoint

    def undo_epochs(self, start: Progress, current: Progress) -> None:
        """Undoes what the epochs of a stage, which restarts, have recorded."""
        if not start.stage:
            self.best = self.best_logits = None

    def begin_again(self) -> None:
        """Forgets all that the phase has recorded, as it begins again."""
        self.state = PhaseState()
        self.best = self._best_at_checkpoint = self.best_logits = None
        self._checkpoints.clear()

    def restore_best(self) -> None:
        """Gives the classifier the weights of the model to keep."""
        assert self.best
        set_values(changing_weights(self.classifier), self.best)

    def keep_known_answers(self, answers: np.ndarray | None) -> None:
        """Records what the model to keep has answered in Keras; see `known_answers`."""

    def require_model(self, weights: Weights) -> None:
        """Makes sure that a stopped phase leaves a model, if only an untrained one."""

    def interruption(self, progress: Progress) -> Interrupted:
        """Returns the error that ends an interrupted phase."""
        return Interrupted("interrupted.")


class RunRecorder(Recorder):
    """Writes what training produces to a run.

    If the process dies before a checkpoint is written, `resume` goes on from the one
    before, and all that was recorded since is recorded again.
    """

    def __init__(
        self,
        run: Run,
        classifier: keras.Model,
        validation_images: int,
        tracking: Tracking | None = None,
    ) -> None:
        """Goes on with a run; raises RunError if its state is damaged."""
        super().__init__(classifier)
        self.run = run
        self.tracking = tracking
        self.validation_images = validation_images
        self.place = str(run.path)
        self._rows: list[dict[str, Any]] = []
        self._unsaved: Score | None = None
        self.best_logits = run.kept_logits()
        state = run.state
        try:
            self.state = from_json(PhaseState, state) if state else PhaseState()
        except ValueError as error:
            raise RunError(
                f"the state of {run.path} is damaged: {error}. Remove it to train this "
                f"phase again from its start: rm -r {run.checkpoints_dir}"
            ) from error

    def update_state(self, **changes: Any) -> None:
        """See `Recorder`."""
        before = self.state
        super().update_state(**changes)
        if self.state != before:
            self.run.write_state(dataclasses.asdict(self.state))

    def update_metrics(self, **values: Any) -> None:
        """See `Recorder`."""
        self.run.update_metrics(**values)

    def add_epoch(
        self,
        progress: Progress,
        score: Score,
        row: dict[str, str],
        weights: Weights | None,
    ) -> None:
        """See `Recorder`."""
        super().add_epoch(progress, score, row, weights)
        self._rows.append({"phase": progress.phase, "epoch": score.epoch, **row})
        if weights is not None:
            self._unsaved = score

    def write_checkpoint(
        self, progress: Progress, values: Values, *, also_keep: int
    ) -> int:
        """See `Recorder`; what earlier epochs have recorded is written before it."""
        if self._unsaved and self.best:
            self._save_model(self.best)
            if self.best_logits is not None:
                self.run.keep_logits(self.best_logits)
            kept = self._unsaved
            self.run.write_fitted(kept.thresholds, kept.temperature)
        if self._rows and progress.kept:
            self.run.add_history(*self._rows)
            metrics = progress.kept.as_metrics(self.validation_images)
            self.run.update_metrics(**{progress.phase: metrics})
            if self.tracking:
                self.tracking.add_epochs(self._rows)
        self._forget_unwritten()
        self._best_at_checkpoint = self.best
        with self.run.saving():
            return save_checkpoint(
                self.run.checkpoints_dir, progress, values, also_keep=also_keep
            )

    def checkpoint_at(self, number: int) -> Checkpoint | None:
        """See `Recorder`."""
        return checkpoint_at(self.run.checkpoints_dir, number)

    def last_checkpoint(self, reporter: Reporter | None = None) -> Checkpoint | None:
        """See `Recorder`."""
        return read_checkpoint(self.run.checkpoints_dir, reporter)

    def forget_epochs(self) -> None:
        """See `Recorder`."""
        super().forget_epochs()
        self._forget_unwritten()

    def undo_epochs(self, start: Progress, current: Progress) -> None:
        """See `Recorder`."""
        super().undo_epochs(start, current)
        self._rows.clear()
        if start.stage:  # a better model may have replaced that of the stage before
            start.kept = current.kept
            return
        self._forget_unwritten()
        if start.kept and current.kept != start.kept:
            self.run.copy_model(self.run.require_parent())
            self.run.update_metrics(**{start.phase: None})

    def begin_again(self) -> None:
        """See `Recorder`."""
        super().begin_again()
        self._forget_unwritten()
        self.run.discard_training()

    def restore_best(self) -> None:
        """See `Recorder`."""
        if self.best:
            super().restore_best()
        else:  # an earlier process had its epoch
            restore_model(self.run, self.classifier)

    def keep_known_answers(self, answers: np.ndarray | None) -> None:
        """See `Recorder`; a GPU's are less exact."""
        if answers is not None and computes_on_cpu():
            self.run.keep_known_answers(answers)

    def require_model(self, weights: Weights) -> None:
        """See `Recorder`."""
        if not self.run.model_path.exists():
            self._save_model(weights)

    def interruption(self, progress: Progress) -> Interrupted:
        """See `Recorder`."""
        return interruption(self.run, progress)

    def _save_model(self, weights: Weights) -> None:
        variables = changing_weights(self.classifier)
        with self.run.saving(), restoring(variables):
            set_values(variables, weights)
            save_model(self.classifier, self.run.model_path, describe(self.run))

    def _forget_unwritten(self) -> None:
        self._rows.clear()
        self._unsaved = None
