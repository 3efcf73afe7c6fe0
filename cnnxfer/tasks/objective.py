"""The loss that training minimizes, and the score that measures a model.

An image has either exactly one label, and the probabilities of the classes sum to 1
(softmax), or any number of labels, and each class has its own probability (sigmoid).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from cnnxfer.config import Config
from cnnxfer.data.preparing.balance import MIN_SKEWED_RATIO, class_size_ratio
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.class_weights import class_weights
from cnnxfer.tasks.per_class import average_precisions, f1_scores, macro
from cnnxfer.tasks.probabilities import reaches, sigmoid
from cnnxfer.tasks.score import (
    ACCURACY,
    MACRO_F1,
    MEAN_AVERAGE_PRECISION,
    NAMES,
    Score,
)
from cnnxfer.tasks.thresholds import choose_thresholds

# The gradient of a small power of 1 - probability is not finite where that is 0.
SMALLEST_REST = 1e-6


@dataclass(frozen=True, eq=False)
class Objective:
    """The loss that training minimizes, and the score that selects the best epoch.

    Attributes:
        multi_label: whether an image may have any number of labels.
        class_weights: the weight of each class, float32 `(classes,)`. If images may
            have several labels, it is the weight of the presence of a class, and its
            absence has a weight of 1. A weight for both would scale the gradients of a
            class, and optimizers such as Adam undo that.
        focal_gamma: the exponent of the focal loss, at least 0: the higher, the less
            weight confident answers have; 0 gives cross-entropy.
        label_smoothing: the share of a label that is spread over all classes, in
            [0, 1). It has no effect if images may have several labels.
        monitor: the figure that selects the best epoch, a key of `score.NAMES`.
    """

    multi_label: bool
    class_weights: np.ndarray
    focal_gamma: float
    label_smoothing: float
    monitor: str

    def loss(self, targets: Any, logits: Any) -> Any:
        """Returns the loss of each image, float32 `(batch,)`.

        The focal loss is that of Lin et al., 2017, https://arxiv.org/abs/1708.02002;
        with softmax, as in Keras's `CategoricalFocalCrossentropy`.

        Args:
            targets: float32 `(batch, classes)`: 1 for the classes that an image shows,
                or fractions if images were mixed.
            logits: float32 `(batch, classes)`.
        """
        if self.multi_label:
            present = ops.log_sigmoid(logits)  # the logarithm of the probability
            absent = ops.log_sigmoid(-logits)
            losses = ops.multiply(self.class_weights, targets) * self._focused(present)
            return ops.mean(losses + (1 - targets) * self._focused(absent), axis=-1)
        shown = ops.sum(ops.multiply(self.class_weights, targets), axis=-1)
        share = self.label_smoothing / len(self.class_weights)
        smooth = targets * (1 - self.label_smoothing) + share
        if not self.focal_gamma:  # the same result in one operation
            return shown * ops.categorical_crossentropy(
                smooth, logits, from_logits=True
            )
        losses = smooth * self._focused(ops.log_softmax(logits))
        return shown * ops.sum(losses, axis=-1)

    def _focused(self, log_probabilities: Any) -> Any:
        """Returns cross-entropies, reduced for confident answers."""
        rest = ops.maximum(1 - ops.exp(log_probabilities), SMALLEST_REST)
        return -(rest**self.focal_gamma) * log_probabilities

    def accuracy(self, targets: Any, logits: Any) -> Any:
        """Returns 1 for each image whose labels are all predicted correctly, else 0.

        If images may have several labels, those with a probability of at least 0.5 are
        the predicted ones.

        Args:
            targets: float32 `(batch, classes)`; see `loss`.
            logits: float32 `(batch, classes)`.

        Returns:
            float32 `(batch,)`.
        """
        if self.multi_label:
            right = ops.all(ops.equal(logits >= 0, targets >= 0.5), axis=-1)
        else:
            right = ops.equal(ops.argmax(logits, -1), ops.argmax(targets, -1))
        return ops.cast(right, "float32")

    def score(self, logits: np.ndarray, targets: np.ndarray, epoch: int) -> Score:
        """Returns the score of a model's logits, computed in float64.

        Args:
            logits: `(images, classes)`.
            targets: `(images, classes)`: 1 for the classes that an image shows, else 0.
            epoch: the number of the epoch after which the logits were computed.
        """
        logits = logits.astype(np.float64)
        with np.errstate(all="ignore"):  # logits that are not finite give such a loss
            if self.multi_label:
                return self._score_of_several(logits, targets, epoch)
            return self._score_of_one(logits, targets, epoch)

    def _score_of_one(
        self, logits: np.ndarray, targets: np.ndarray, epoch: int
    ) -> Score:
        labels = targets.argmax(axis=1)
        logits -= logits.max(axis=1, keepdims=True)
        log_sums = np.log(np.exp(logits).sum(axis=1))
        losses = log_sums - logits[np.arange(len(labels)), labels]
        chosen = logits.argmax(axis=1)
        answers = np.arange(logits.shape[1]) == chosen[:, None]
        return Score(
            accuracy=round(float(np.mean(chosen == labels)), 6),
            macro_f1=round(macro(f1_scores(answers, targets)), 6),
            loss=round(float(losses.mean()), 6),
            epoch=epoch,
            monitor=self.monitor,
        )

    def _score_of_several(
        self, logits: np.ndarray, targets: np.ndarray, epoch: int
    ) -> Score:
        probabilities = sigmoid(logits)
        thresholds = choose_thresholds(probabilities, targets)
        answers = reaches(probabilities, thresholds)
        # log(1 + exp(-x)) for classes that are present, log(1 + exp(x)) for others
        losses = np.logaddexp(0, np.where(targets > 0, -logits, logits))
        precision = macro(average_precisions(logits, targets))
        return Score(
            accuracy=round(float(np.mean((answers == (targets > 0)).all(axis=1))), 6),
            macro_f1=round(macro(f1_scores(answers, targets)), 6),
            loss=round(float(losses.mean()), 6),
            epoch=epoch,
            monitor=self.monitor,
            mean_average_precision=round(precision, 6),
            thresholds=tuple(thresholds.tolist()),
        )


def build_objective(
    config: Config,
    class_names: Sequence[str],
    targets: np.ndarray,
    *,
    multi_label: bool,
    label_smoothing: float,
    reporter: Reporter,
) -> Objective:
    """Returns the objective that the settings ask for.

    Args:
        config: all settings.
        class_names: the names of the classes, in label order.
        targets: the targets of the training images, `(images, classes)`; see
            `targets_of`.
        multi_label: whether an image may have any number of labels.
        label_smoothing: the phase's label smoothing, in [0, 1).
        reporter: told which figure is monitored and why, if `auto` does not choose
            accuracy.

    Raises:
        ConfigError: if the file of class weights is not valid.
    """
    monitor = config.monitor
    if monitor == "auto":
        monitor, reason = _choose_monitor(targets, multi_label)
        if reason:
            reporter.info(f"{reason}, so {NAMES[monitor]} selects the best epoch")
    return Objective(
        multi_label=multi_label,
        class_weights=class_weights(config.class_weights, class_names, targets),
        focal_gamma=config.focal_gamma if config.loss == "focal" else 0.0,
        label_smoothing=label_smoothing,
        monitor=monitor,
    )


def _choose_monitor(targets: np.ndarray, multi_label: bool) -> tuple[str, str]:
    """Returns the figure to monitor, and the reason; "" if it is accuracy."""
    if multi_label:
        # F1 scores are noisy, since thresholds are chosen on the same few images.
        return MEAN_AVERAGE_PRECISION, "images have several labels"
    times = class_size_ratio(targets.sum(axis=0).astype(int).tolist())
    if times >= MIN_SKEWED_RATIO:
        return MACRO_F1, f"one class has {times:.0f} times the images of another"
    return ACCURACY, ""
