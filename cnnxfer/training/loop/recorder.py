"""Writes what training produces to a run: checkpoints, model, history and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from cnnxfer.networks.saving import save_model
from cnnxfer.runs import Run
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.checkpoint import save_checkpoint
from cnnxfer.training.loop.progress import Progress


@dataclass(frozen=True)
class Recorder:
    """Writes the results of training to one run directory.

    Attributes:
        run: the run directory.
        classifier: the whole network. It is in float32 whatever the precision in
            training, so that it answers the same on every machine, with or without a
            GPU.
        validation_images: the number of images that a score is measured on.
    """

    run: Run
    classifier: keras.Model
    validation_images: int

    def save_model(self, score: Score | None = None) -> None:
        """Writes the model with its current weights.

        Args:
            score: the score of the model, whose thresholds are written too; None before
                the first epoch has ended.

        Raises:
            RunError: if the model cannot be written.
        """
        with self.run.saving():
            save_model(self.classifier, self.run.model_path)
        if score:
            self.run.write_thresholds(score.thresholds)

    def add_epoch(self, progress: Progress, score: Score, row: dict[str, str]) -> None:
        """Adds an epoch to the history, and writes the saved model's score to metrics.

        Args:
            progress: the progress of the phase; `kept` is the score of the saved model.
            score: the score after the epoch.
            row: the epoch's row of the history, without phase and epoch number.
        """
        assert progress.kept
        self.run.add_history({"phase": progress.phase, "epoch": score.epoch, **row})
        metrics = progress.kept.as_metrics(self.validation_images)
        self.run.update_metrics(**{progress.phase: metrics})

    def write_checkpoint(
        self, progress: Progress, values: Mapping[str, np.ndarray], *, also_keep: int
    ) -> int:
        """Writes a checkpoint and returns its number; see `save_checkpoint`.

        Raises:
            RunError: if the checkpoint cannot be written.
        """
        with self.run.saving():
            return save_checkpoint(
                self.run.checkpoints_dir, progress, values, also_keep=also_keep
            )

    def undo_epochs(self, start: Progress, current: Progress) -> None:
        """Undoes what the epochs of a stage have recorded, as the stage restarts.

        Args:
            start: the progress at the start of the stage, from which it restarts.
            current: the progress of the stage up to now.
        """
        if start.stage:  # a better model has overwritten that of the stage before
            start.kept = current.kept
        elif self.run.parent:
            self.run.copy_model(self.run.parent)
            self.run.update_metrics(**{start.phase: None})
