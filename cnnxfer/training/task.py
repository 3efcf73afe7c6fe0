"""What a phase is to learn: settings, classes, images and processors of one run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.config import Config
from cnnxfer.data.prepared import Parts
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.objective import Objective, build_objective
from cnnxfer.tasks.targets import targets_of
from cnnxfer.training.optimization.devices import Devices


@dataclass(frozen=True)
class Task:
    """What is to be learned, from which images, on which processors.

    Attributes:
        config: all settings.
        backbone: the catalog's entry.
        class_names: in label order.
        parts: the images.
        devices: the processors.
        precision: of the backbone: a key of `precision.POLICIES`.
        reporter: told of the progress.
        multi_label: whether an image may have any number of labels.
    """

    config: Config
    backbone: Backbone
    class_names: tuple[str, ...]
    parts: Parts
    devices: Devices
    precision: str
    reporter: Reporter
    multi_label: bool

    @property
    def image_size(self) -> int:
        """Side in pixels of what the network sees."""
        return self.config.image_size or self.backbone.image_size

    def build_classifier(
        self, *, precision: str, weights_path: Path | None = None
    ) -> keras.Model:
        """Builds the network; see `classifier.build_classifier`.

        Random weights follow from the seed of the settings.
        """
        with _seeded(self.config.seed):
            return build_classifier(
                self.backbone,
                image_size=self.image_size,
                num_classes=len(self.class_names),
                head=self.config.head,
                dropout=self.config.dropout,
                precision=precision,
                weights_path=weights_path,
            )

    def objective(self, label_smoothing: float) -> Objective:
        """Returns the loss and the score that the settings ask for.

        Args:
            label_smoothing: share of a label that is spread over all classes, as the
                phase has it.

        Raises:
            ConfigError: if the file of class weights is wrong.
        """
        return build_objective(
            self.config,
            self.class_names,
            targets_of(self.parts.train, len(self.class_names)),
            multi_label=self.multi_label,
            label_smoothing=label_smoothing,
            reporter=self.reporter,
        )


@dataclass(frozen=True)
class Setup(Task):
    """A run with everything that its phases train with.

    Attributes:
        run: the run directory.
    """

    run: Run

    @property
    def more_epochs(self) -> int:
        """How many epochs were added to those of the settings, by `resume`."""
        return int(self.run.receipt.get("more_epochs", 0))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds what Keras draws the seeds of new layers from, and nothing for good.

    A caller's own random numbers go on as they would have without us.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
