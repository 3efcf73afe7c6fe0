"""What a network is trained for: its settings, classes, images and processors."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.config import Config
from cnnxfer.data.dataset import Example
from cnnxfer.data.prepared import Splits
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.task import Objective
from cnnxfer.tasks.task import Task as LearnedTask
from cnnxfer.training.optimization.devices import Devices


@dataclass(frozen=True)
class Task:
    """What a classifier is trained to do, from which images and on which processors.

    Attributes:
        config: all settings of the run.
        backbone: the backbone's entry in the catalog.
        class_names: the names of the classes, in label order.
        splits: the images of the three splits.
        devices: the processors that training runs on.
        precision: the precision that training computes in, a key of
            `precision.POLICIES`.
        reporter: shows progress and messages.
        task: what is learned.
    """

    config: Config
    backbone: Backbone
    class_names: tuple[str, ...]
    splits: Splits
    devices: Devices
    precision: str
    reporter: Reporter
    task: LearnedTask

    @property
    def image_size(self) -> int:
        """The side of the network's input images, in pixels."""
        return self.backbone.input_size(self.config.image_size)

    def build_classifier(
        self, *, precision: str, weights_path: Path | None = None
    ) -> keras.Model:
        """Builds the classifier; see `classifier.build_classifier`.

        The seed in the settings determines the random weights.

        Args:
            precision: the precision that the network computes in, a key of
                `precision.POLICIES`.
            weights_path: the file of the backbone's weights; None for random ones.
        """
        with _seeded(self.config.seed):
            return build_classifier(
                self.backbone,
                image_size=self.image_size,
                num_classes=len(self.class_names),
                task=self.task,
                head=self.config.head,
                dropout=self.config.dropout,
                precision=precision,
                weights_path=weights_path,
            )

    def targets(self, examples: Sequence[Example]) -> np.ndarray:
        """Returns what the network is to answer; see `tasks.task.Task.targets`."""
        return self.task.targets(examples, len(self.class_names))

    def objective(self, label_smoothing: float) -> Objective:
        """Returns the loss and the score that the settings ask for.

        Args:
            label_smoothing: the phase's label smoothing: the share of a label that is
                spread over all classes, in [0, 1).

        Raises:
            ConfigError: if the file of class weights is not valid.
        """
        return self.task.objective(
            self.config,
            self.class_names,
            self.targets(self.splits.train),
            label_smoothing=label_smoothing,
            reporter=self.reporter,
        )


@dataclass(frozen=True)
class Setup(Task):
    """A task with the run directory that its results are written to.

    Attributes:
        run: the run directory.
    """

    run: Run

    @property
    def more_epochs(self) -> int:
        """The number of epochs that `resume` added to those of the settings."""
        return int(self.run.receipt.get("more_epochs", 0))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds Python's random numbers, from which Keras draws the seeds of new layers.

    Their previous state is restored at the end, so that the caller's own random
    numbers stay as they would have been.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
