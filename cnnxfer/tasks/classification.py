"""The task of images with exactly one label each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cnnxfer.data.dataset import CLASSIFICATION, Dataset, Example
from cnnxfer.data.preparing.balance import MIN_SKEWED_RATIO, class_size_ratio
from cnnxfer.errors import DataError
from cnnxfer.spelling import option
from cnnxfer.tasks.agreement import TIE_TOLERANCE, Bounds, Verdict
from cnnxfer.tasks.answer import DIGITS, RankedClass
from cnnxfer.tasks.bootstrap import resampled_mean
from cnnxfer.tasks.calibration import fit_temperature
from cnnxfer.tasks.class_answer import (
    ClassAnswer,
    ranked_classes,
    read_ranking,
    word_for_nothing,
)
from cnnxfer.tasks.class_figures import ClassFigures, measure_classes
from cnnxfer.tasks.class_task import (
    ClassObjective,
    ClassTask,
    figures_of,
    require_labels,
    softmax,
)
from cnnxfer.tasks.score import ACCURACY, MACRO_F1, Score

UNSURE = "unsure"


@dataclass(frozen=True, eq=False)
class SoftmaxObjective(ClassObjective):
    """The objective of classes that exclude each other."""

    def loss(self, targets: Any, logits: Any) -> Any:
        """Returns the loss of each image, float32 `(batch,)`.

        The focal loss is that of Keras's `CategoricalFocalCrossentropy`.

        Args:
            targets: float32 `(batch, classes)`: 1 for the class that an image shows, or
                fractions if images were mixed.
            logits: float32 `(batch, classes)`.
        """
        from keras import ops

        shown = ops.sum(ops.multiply(self.class_weights, targets), axis=-1)
        share = self.label_smoothing / len(self.class_weights)
        smooth = targets * (1 - self.label_smoothing) + share
        if not self.focal_gamma:  # the same result in one operation
            return shown * ops.categorical_crossentropy(
                smooth, logits, from_logits=True
            )
        losses = smooth * self.focused(ops.log_softmax(logits))
        return shown * ops.sum(losses, axis=-1)

    def accuracy(self, targets: Any, logits: Any) -> Any:
        """Returns 1 for each image whose class is the most probable one, else 0."""
        from keras import ops

        right = ops.equal(ops.argmax(logits, -1), ops.argmax(targets, -1))
        return ops.cast(right, "float32")

    def score(self, logits: np.ndarray, targets: np.ndarray, epoch: int) -> Score:
        """Returns the score of a model's logits; see `Objective.score`."""
        with np.errstate(all="ignore"):  # logits that are not finite give such a loss
            logits = logits.astype(np.float64)
            loss = _log_losses(logits, targets).mean()
            temperature = fit_temperature(logits, targets, _log_losses)
            calibrated = _log_losses(logits / (temperature or 1), targets).mean()
        return Score(
            figures_of(_best(logits), targets),
            round(float(loss), 6),
            epoch,
            self.monitor,
            temperature=temperature,
            calibrated_loss=round(float(calibrated), 6),
        )


@dataclass(frozen=True)
class OneClass(ClassAnswer):
    """The most probable class, if it is probable enough.

    Attributes:
        min_confidence: the probability below which it is not; None if it always is. It
            is the same for every image.
        nothing: the word for an image without an answer.
    """

    min_confidence: float | None = None
    nothing: str = UNSURE

    @property
    def chosen(self) -> tuple[RankedClass, ...]:
        """The most probable class; none if it is not probable enough."""
        # Rounded as it is printed, so that the figure never contradicts the answer.
        best, least = self.ranking[:1], self.min_confidence or 0
        return tuple(item for item in best if round(item.probability, DIGITS) >= least)

    @property
    def displaced(self) -> str | None:
        """The word "unsure", if a class is called so and it is needed."""
        needed = self.min_confidence is not None and self.nothing != UNSURE
        return UNSURE if needed else None

    @property
    def summary(self) -> str | None:
        """The class; None if it always is the most probable one."""
        if self.min_confidence is None:
            return None
        return next(iter(self.labels), self.nothing)

    def record(self) -> dict[str, Any]:
        """Returns the ranking, and the answer unless it always is its first class."""
        answer = {} if self.summary is None else {"label": self.summary}
        return answer | super().record()

    def _rejects(self, ranked: RankedClass) -> bool:
        return ranked.rank == 1 and not self.chosen


@dataclass(frozen=True)
class BestClass:
    """The decision for the most probable class.

    Attributes:
        nothing: the word for an image without an answer.
        temperature: what logits are divided by; None if they are not.
    """

    nothing: str = UNSURE
    temperature: float | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides the answers, in types that JSON has."""
        return {"task": CLASSIFICATION, "temperature": self.temperature}

    def calibrated(self, found: np.ndarray) -> np.ndarray:
        """Returns probabilities as the temperature makes them, in the same order.

        Of one view, they are those of the logits divided by the temperature. Of several
        views, or of many places in an image, it is their mean that is calibrated.

        Args:
            found: float `(..., classes)`, whose rows sum to 1.

        Returns:
            float64 `(..., classes)`, whose rows sum to 1; `found` itself without a
            temperature.
        """
        if self.temperature is None:
            return found
        with np.errstate(divide="ignore"):  # the logarithm of 0 remains 0
            return softmax(np.log(found, dtype=np.float64) / self.temperature)

    def answer(
        self,
        found: np.ndarray,
        classes: Sequence[tuple[str, str]],
        top: int,
        min_confidence: float | None,
    ) -> OneClass:
        """Returns the answer to an image; see `Decision.answer`."""
        chosen = _best(found)
        ranking = ranked_classes(self.calibrated(found), classes, top, chosen)
        return OneClass(ranking, min_confidence, self.nothing)

    def read(self, record: Mapping[str, Any], min_confidence: float | None) -> OneClass:
        """Returns the answer that `OneClass.record` has written."""
        return OneClass(read_ranking(record), min_confidence, self.nothing)

    def confidence(self, found: Sequence[np.ndarray]) -> np.ndarray:
        """Returns the probability of the best class, `(images,)`."""
        return np.array([self.calibrated(each).max() for each in found])

    def class_probabilities(self, found: Sequence[np.ndarray]) -> np.ndarray:
        """Returns the calibrated probabilities, `(images, classes)`."""
        return self.calibrated(np.stack(found))

    quality_name: ClassVar = "probability of its label"

    def quality(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns the probability of each image's label, `(images,)`."""
        pairs = zip(found, examples, strict=True)
        return np.array(
            [self.calibrated(each)[example.label] for each, example in pairs]
        )

    def resampled_headline(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns the figure of resamples; see `Decision.resampled_headline`."""
        best = np.stack(found).argmax(axis=1)
        return resampled_mean(best == [example.label for example in examples])

    def measure(
        self,
        class_names: Sequence[str],
        found: Sequence[np.ndarray],
        examples: Sequence[Example],
    ) -> tuple[ClassFigures, np.ndarray]:
        """Returns the figures, and which images are right; see `Decision.measure`."""
        labels = np.array([example.label for example in examples])
        return measure_classes(class_names, self.calibrated(np.stack(found)), labels)


@dataclass(frozen=True)
class Classification(ClassTask):
    """The task of images with exactly one label each."""

    name: str = CLASSIFICATION
    activation: str = "softmax"
    objective_class = SoftmaxObjective

    def taken(self, dataset: Dataset, spec: str) -> Dataset:
        """Returns a data set of images with one label each, of several classes."""
        names = dataset.class_names
        require_labels(dataset, spec, self.name)
        if dataset.task != self.name:
            raise DataError(
                f"images of {spec} may have several labels, and {self.name} gives each "
                f"image one. Use {option('--task', dataset.task)}, or leave it out."
            )
        if len(names) < 2:
            raise DataError(
                f"{spec} has {len(names)} class ({', '.join(names)}); "
                "expected at least two."
            )
        return dataset

    def check_other(
        self, dataset: Dataset, spec: str, model: str, several: bool
    ) -> None:
        """Checks that other images have one label each, too."""
        if dataset.task != self.name:
            raise DataError(
                f"images of {spec} may have several labels, and {model} gives them "
                "one. Measure it on images with one label each, or train a run on such "
                "a table."
            )

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Returns the probabilities of the classes, whose rows sum to 1."""
        return softmax(logits)

    def agreement(
        self, answers: np.ndarray, reference: np.ndarray, bounds: Bounds
    ) -> Verdict:
        """Compares probabilities, and the most probable classes."""
        difference = float(np.abs(answers - reference).max())
        best = answers.argmax(axis=1)
        of_best = reference[np.arange(len(reference)), best]
        same = int((of_best >= reference.max(axis=1) - TIE_TOLERANCE).sum())
        return Verdict(
            difference <= bounds.difference and same >= bounds.agreement * len(answers),
            f"a probability differs by {difference:.3f} (at most "
            f"{bounds.difference:g}), {same} of {len(answers)} pictures have the same "
            f"best class (at least {bounds.agreement:.0%})",
        )

    def decision(
        self,
        class_names: Sequence[str],
        thresholds: Mapping[str, float],
        temperature: float | None = None,
    ) -> BestClass:
        """Returns the decision for the most probable class."""
        return BestClass(word_for_nothing(UNSURE, class_names), temperature)

    def _choose_monitor(self, targets: np.ndarray) -> tuple[str, str]:
        times = class_size_ratio(targets.sum(axis=0).astype(int).tolist())
        if times >= MIN_SKEWED_RATIO:
            return MACRO_F1, f"one class has {times:.0f} times the images of another"
        return ACCURACY, ""


def _log_losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the negative log probability of each image's class, `(images,)`.

    No class and no image has another weight, as confidences are to be honest about
    images as they come.
    """
    logits = logits - logits.max(axis=1, keepdims=True)
    shown = np.take_along_axis(logits, targets.argmax(axis=1)[:, None], axis=1)[:, 0]
    losses: np.ndarray = np.log(np.exp(logits).sum(axis=1)) - shown
    return losses


def _best(values: np.ndarray) -> np.ndarray:
    """Returns which class is the best of each row, bool `(..., classes)`."""
    classes = np.arange(values.shape[-1])
    best: np.ndarray = values.argmax(axis=-1)[..., None] == classes
    return best
