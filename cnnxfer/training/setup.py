"""What a network is trained for: its settings, classes, images and processors."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.config import Config
from cnnxfer.data.dataset import Example
from cnnxfer.data.prepared import Splits
from cnnxfer.data.views.views import Views, central_views, training_views
from cnnxfer.networks.auxiliary import with_auxiliary_classifiers
from cnnxfer.networks.classifier import build_classifier, map_shapes
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.task import Objective, Task
from cnnxfer.training.optimization.devices import Devices


@dataclass(frozen=True)
class Setup:
    """What a classifier is trained with: settings, images and processors."""

    config: Config
    backbone: Backbone
    class_names: tuple[str, ...]  # in label order
    splits: Splits
    devices: Devices
    precision: str  # that training computes in, a key of `precision.POLICIES`
    reporter: Reporter
    task: Task

    @property
    def image_size(self) -> int:
        """The side of the network's input images, in pixels."""
        return self.backbone.input_size(self.config.image_size)

    def build_classifier(
        self, *, precision: str, weights_path: Path | None = None
    ) -> keras.Model:
        """Builds the classifier; see `classifier.build_classifier`.

        The seed in the settings determines the random weights.
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

    def add_auxiliary_classifiers(self, classifier: keras.Model) -> keras.Model:
        """Adds those of the backbone; see `auxiliary.with_auxiliary_classifiers`.

        The seed in the settings determines their random weights.
        """
        with _seeded(self.config.seed):
            return with_auxiliary_classifiers(classifier, self.backbone)

    @property
    def central_views(self) -> Views:
        """What validation, test and prediction see of an image."""
        return central_views(self.config)

    def targets(
        self, examples: Sequence[Example], views: Views | None = None
    ) -> np.ndarray:
        """Returns what the network is to answer to views, by default the central ones.

        See `tasks.task.Task.targets`.
        """
        seen = views or self.central_views
        names = self.class_names
        return self.task.targets(examples, len(names), seen, self.image_size)

    def train_targets(self, views: int) -> list[np.ndarray]:
        """Returns what is to be answered to each of the stored views, by its number."""
        if not self.task.follows_views:
            return [self._train_targets] * views
        return [
            self.targets(self.splits.train, training_views(self.config, number))
            for number in range(views)
        ]

    def targets_of_batch(self, indices: np.ndarray, views: Views) -> np.ndarray:
        """Returns what is to be answered to views of some of the training images."""
        if not self.task.follows_views:
            targets: np.ndarray = self._train_targets[indices]
            return targets
        return self.targets([self.splits.train[index] for index in indices], views)

    @cached_property
    def _train_targets(self) -> np.ndarray:
        return self.targets(self.splits.train)

    def objective(self, label_smoothing: float, classifier: keras.Model) -> Objective:
        """Returns the loss and the score that the settings ask for, for a classifier.

        Raises:
            ConfigError: if the file of class weights is not valid.
        """
        return self.task.objective(
            self.config,
            map_shapes(classifier) if self.task.follows_views else [],
            self.class_names,
            self.splits.train,
            label_smoothing=label_smoothing,
            reporter=self.reporter,
        )


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
