"""What the tasks have in common whose answers are classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cnnxfer.config import Config
from cnnxfer.data.dataset import CLASSIFICATION, MULTI_LABEL, Dataset, Example
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.views.views import Views
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.reporting import Reporter, listed
from cnnxfer.spelling import option
from cnnxfer.tasks.class_weights import class_weights
from cnnxfer.tasks.per_class import f1_scores, macro
from cnnxfer.tasks.score import ACCURACY, MACRO_F1, NAMES

HEADS = ("linear", "mlp", "euclidean")  # see `heads.class_head`
POOLED = "pool"  # name of the layer that pools the last map of the backbone
# The gradient of a small power of 1 - probability is not finite where that is 0.
SMALLEST_REST = 1e-6


@dataclass(frozen=True, eq=False)
class ClassObjective:
    """The settings of an objective of classes.

    Attributes:
        class_names: the names of the classes, in label order.
        class_weights: the weight of each class, float32 `(classes,)`.
        focal_gamma: the exponent of the focal loss, at least 0: the higher, the less
            weight confident answers have; 0 gives cross-entropy.
        label_smoothing: the share of a label that is spread over all classes, in
            [0, 1).
        monitor: the figure that selects the best epoch, a key of `score.NAMES`.
    """

    class_names: Sequence[str]
    class_weights: np.ndarray
    focal_gamma: float
    label_smoothing: float
    monitor: str

    def loss(self, targets: Any, logits: Any) -> Any:
        """Returns the loss of each image; see `Objective.loss`."""
        raise NotImplementedError

    def chance_loss(self, targets: np.ndarray) -> float:
        """Returns the mean loss of logits of 0, with which no class is preferred."""
        from keras import ops

        losses = self.loss(targets, np.zeros_like(targets))
        return float(np.mean(ops.convert_to_numpy(losses)))

    def focused(self, log_probabilities: Any) -> Any:
        """Returns cross-entropies, reduced for confident answers.

        The focal loss is that of Lin et al., 2017, https://arxiv.org/abs/1708.02002.
        """
        from keras import ops  # heavy, and needed in training alone

        rest = ops.maximum(1 - ops.exp(log_probabilities), SMALLEST_REST)
        return -(rest**self.focal_gamma) * log_probabilities


class ClassTask:
    """The base of a task whose targets have a number for each class."""

    objective_class: ClassVar[type[ClassObjective]]
    follows_views: ClassVar = False
    merges_views: ClassVar = False
    has_scores: ClassVar = True
    outputs: ClassVar = "logits"

    def targets(
        self,
        examples: Sequence[Example],
        num_classes: int,
        views: Views,
        image_size: int,
    ) -> np.ndarray:
        """Returns float32 `(images, classes)`; see `class_targets`."""
        return class_targets(examples, num_classes)

    def output_shape(self, num_classes: int, image_size: int) -> tuple[int, ...]:
        """Returns the shape of the logits."""
        return (num_classes,)

    def combined(
        self, found: np.ndarray, places: Sequence[Geometry], width: int, height: int
    ) -> np.ndarray:
        """Returns the mean probabilities of the views, `(classes,)`."""
        mean: np.ndarray = found.mean(axis=0)
        return mean

    def check_settings(self, config: Config) -> None:
        """Checks that the head gives classes; see `Task.check_settings`."""
        if config.head not in HEADS:
            kinds = listed([option("--head", kind) for kind in HEADS])
            raise ConfigError(
                f"{option('--head', config.head)} is for boxes or masks; classes have "
                f"{kinds}."
            )

    def strides(self, kind: str) -> tuple[int, ...]:
        """Returns none, as the head reads the pooled features."""
        return ()

    def head_layers(
        self,
        kind: str,
        shapes: Sequence[tuple[int, ...]],
        num_classes: int,
        dropout: float,
        image_size: int,
    ) -> list[Any]:
        """Returns the layers of a new head; see `heads.class_head`."""
        from cnnxfer.tasks.heads import class_head

        return class_head(kind, num_classes, dropout)

    def objective(
        self,
        config: Config,
        shapes: Sequence[tuple[int, ...]],
        class_names: Sequence[str],
        examples: Sequence[Example],
        *,
        label_smoothing: float,
        reporter: Reporter,
    ) -> Any:
        """Returns the objective that the settings ask for; see `Task.objective`."""
        targets = class_targets(examples, len(class_names))
        monitor: str = config.monitor
        if monitor == "auto":
            monitor, reason = self._choose_monitor(targets)
            if reason:
                reporter.info(f"{reason}, so {NAMES[monitor]} selects the best epoch")
        return self.objective_class(
            class_names,
            class_weights(config.class_weights, class_names, targets),
            config.focal_gamma if config.loss == "focal" else 0.0,
            label_smoothing,
            monitor,
        )

    def _choose_monitor(self, targets: np.ndarray) -> tuple[str, str]:
        """Returns the figure to monitor, and the reason; "" for the usual one."""
        raise NotImplementedError


def require_labels(dataset: Dataset, spec: str, task: str) -> None:
    """Checks that images are labelled with classes, and have neither boxes nor masks.

    Raises:
        DataError: if they are not.
    """
    if dataset.task not in (CLASSIFICATION, MULTI_LABEL):
        raise DataError(
            f"{spec} is data for {dataset.task}, and {task} needs images with classes. "
            f"Use {option('--task', dataset.task)}, or leave it out."
        )


def class_targets(examples: Sequence[Example], num_classes: int) -> np.ndarray:
    """Returns 1 for each class that an image shows, else 0.

    Args:
        examples: images whose labels are in [0, num_classes).
        num_classes: the number of classes, at least 1.

    Returns:
        float32 `(images, classes)`.
    """
    targets = np.zeros((len(examples), num_classes), np.float32)
    for row, example in zip(targets, examples, strict=True):
        row[list(example.labels)] = 1
    return targets


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the probabilities of classes that exclude each other, `(..., classes)`.

    Those of an image sum to 1.
    """
    exponentials: np.ndarray = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: np.ndarray = exponentials / exponentials.sum(-1, keepdims=True)
    return probabilities


def figures_of(answers: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Returns the share of images with all labels right, and the macro-F1.

    Args:
        answers: bool `(images, classes)`: the classes that the model predicts.
        targets: `(images, classes)` of 1 and 0: the classes that an image shows.
    """
    right = (answers == (targets > 0)).all(axis=1)
    return {
        ACCURACY: round(float(right.mean()), 6),
        MACRO_F1: round(macro(f1_scores(answers, targets)), 6),
    }
