"""What a phase writes into its run: checkpoints, the model, history and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from cnnxfer.networks.saving import save_model
from cnnxfer.runs import Run
from cnnxfer.tasks.score import Score
from cnnxfer.tasks.thresholds import keep_thresholds
from cnnxfer.training.loop.checkpoint import save_checkpoint
from cnnxfer.training.loop.progress import Progress


@dataclass(frozen=True)
class Recorder:
    """Writes into one run; of several machines that train together, one has it.

    Attributes:
        run: the run directory.
        classifier: the whole network, in float32 whatever the precision in training,
            so that it answers the same on every machine, with or without a GPU.
        validation_images: how many images a score is of.
    """

    run: Run
    classifier: keras.Model
    validation_images: int

    def save_model(self, score: Score | None = None) -> None:
        """Writes the model as it is now.

        Args:
            score: what the model has reached, for its thresholds; None before the
                first epoch has ended.

        Raises:
            RunError: if it cannot be written.
        """
        with self.run.saving():
            save_model(self.classifier, self.run.model_path)
        if score:
            keep_thresholds(self.run, score)

    def add_epoch(self, progress: Progress, score: Score, row: dict[str, str]) -> None:
        """Adds an epoch to the history, and tells in the metrics which one is kept.

        Args:
            progress: of the phase; `kept` is the score of the saved model.
            score: of the epoch.
            row: of the history, without phase and epoch.
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
            RunError: if it cannot be written.
        """
        with self.run.saving():
            return save_checkpoint(
                self.run.checkpoints_dir, progress, values, also_keep=also_keep
            )

    def take_back(self, back: Progress, now: Progress) -> None:
        """Takes back what epochs have kept that do not count any more.

        Args:
            back: where the stage began, and begins again.
            now: how far it was.
        """
        if back.stage:  # the model from before is written over, by a better one
            back.kept = now.kept
        elif self.run.parent:
            self.run.copy_model(self.run.parent)
            self.run.update_metrics(**{back.phase: None})
