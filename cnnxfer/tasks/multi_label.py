"""The task of images with any number of labels, each with a probability of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cnnxfer.config import Config
from cnnxfer.data.annotation import LABEL_SEPARATOR
from cnnxfer.data.dataset import MULTI_LABEL, Dataset, Example
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.spelling import option
from cnnxfer.tasks.agreement import TIE_TOLERANCE, Bounds, Verdict
from cnnxfer.tasks.answer import DIGITS, NONE, Line, RankedClass
from cnnxfer.tasks.bootstrap import resampled_mean
from cnnxfer.tasks.calibration import fit_temperature
from cnnxfer.tasks.class_answer import (
    ClassAnswer,
    ranked_classes,
    read_ranking,
    word_for_nothing,
)
from cnnxfer.tasks.class_task import (
    ClassObjective,
    ClassTask,
    class_targets,
    figures_of,
    require_labels,
)
from cnnxfer.tasks.multi_label_figures import MultiLabelFigures, measure_labels
from cnnxfer.tasks.per_class import average_precisions, macro
from cnnxfer.tasks.score import MEAN_AVERAGE_PRECISION, Score
from cnnxfer.tasks.thresholds import DEFAULT_THRESHOLD, choose_thresholds


@dataclass(frozen=True, eq=False)
class SigmoidObjective(ClassObjective):
    """The objective of classes that don't depend on each other.

    The weight of a class is that of its presence, and its absence has a weight of 1. A
    weight for both would scale the gradients of a class, and optimizers such as Adam
    undo that. Labels are not smoothed.
    """

    def loss(self, targets: Any, logits: Any) -> Any:
        """Returns the loss of each image, float32 `(batch,)`.

        Args:
            targets: float32 `(batch, classes)`: 1 for the classes that an image shows,
                or fractions if images were mixed.
            logits: float32 `(batch, classes)`.
        """
        from keras import ops

        present = ops.log_sigmoid(logits)  # the logarithm of the probability
        absent = ops.log_sigmoid(-logits)
        losses = ops.multiply(self.class_weights, targets) * self.focused(present)
        return ops.mean(losses + (1 - targets) * self.focused(absent), axis=-1)

    def accuracy(self, targets: Any, logits: Any) -> Any:
        """Returns 1 for each image whose labels are all right at 0.5, else 0."""
        from keras import ops

        right = ops.all(ops.equal(logits >= 0, targets >= 0.5), axis=-1)
        return ops.cast(right, "float32")

    def score(self, logits: np.ndarray, targets: np.ndarray, epoch: int) -> Score:
        """Returns the score at the best thresholds; see `Objective.score`."""
        with np.errstate(all="ignore"):  # logits that are not finite give such a loss
            logits = logits.astype(np.float64)
            loss = _log_losses(logits, targets).mean()
            temperature = fit_temperature(logits, targets, _log_losses)
            logits /= temperature or 1
            calibrated = _log_losses(logits, targets).mean()
            probabilities = _sigmoid(logits)
            thresholds = choose_thresholds(probabilities, targets)
            answers = _reaches(probabilities, thresholds)
            precision = round(macro(average_precisions(logits, targets)), 6)
        figures = figures_of(answers, targets) | {MEAN_AVERAGE_PRECISION: precision}
        by_name = dict(zip(self.class_names, thresholds.tolist(), strict=True))
        return Score(
            figures,
            round(float(loss), 6),
            epoch,
            self.monitor,
            by_name,
            temperature,
            round(float(calibrated), 6),
        )


@dataclass(frozen=True)
class SeveralClasses(ClassAnswer):
    """All classes that are probable enough, each by its own threshold.

    Attributes:
        names: the readable names of these classes.
        nothing: the word for an image of none of them.
    """

    names: frozenset[str] = frozenset()
    nothing: str = NONE

    @property
    def chosen(self) -> tuple[RankedClass, ...]:
        """The classes that are probable enough, best first."""
        return tuple(ranked for ranked in self.ranking if ranked.label in self.names)

    @property
    def displaced(self) -> str | None:
        """The word "none", if a class is called so."""
        return None if self.nothing == NONE else NONE

    @property
    def summary(self) -> str:
        """The names of all classes: `rose|tulip`."""
        return LABEL_SEPARATOR.join(self.labels)

    def record(self) -> dict[str, Any]:
        """Returns the names of the classes, and the ranking."""
        return {"labels": list(self.labels)} | super().record()

    def lines(self, most: int | None = None) -> list[Line]:
        """Returns a line for each class; with `most`, those of the answer come first.

        All of these are in the ranking, but they may stand far below.
        """
        lines = super().lines()
        if most is not None:
            lines = sorted(lines, key=lambda line: line.rejected)[:most]
        return lines


@dataclass(frozen=True, eq=False)
class Thresholds:
    """The decision for every class whose probability reaches its threshold.

    Attributes:
        values: float64 `(classes,)`, in label order.
        nothing: the word for an image without an answer.
        temperature: what logits are divided by before their probabilities are compared
            with thresholds; None if they are not.
    """

    values: np.ndarray
    nothing: str = NONE
    temperature: float | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides the answers, in types that JSON has."""
        return {
            "task": MULTI_LABEL,
            "thresholds": self.values.tolist(),
            "temperature": self.temperature,
        }

    def calibrated(self, found: np.ndarray) -> np.ndarray:
        """Returns probabilities as the temperature makes them; see `BestClass`.

        Args:
            found: float `(..., classes)`.

        Returns:
            float64 `(..., classes)`; `found` itself without a temperature.
        """
        if self.temperature is None:
            return found
        there = found.astype(np.float64)
        # The last number below 1 leaves a rest of half this. A logit of which nothing
        # is left is a large one, but not infinite.
        rest = np.maximum(1 - there, np.finfo(found.dtype).eps / 4)
        with np.errstate(divide="ignore"):  # the logarithm of 0 remains 0
            return _sigmoid((np.log(there) - np.log(rest)) / self.temperature)

    def answers(
        self, probabilities: np.ndarray, min_confidence: float = 0.0
    ) -> np.ndarray:
        """Returns which probabilities reach the threshold and `min_confidence`.

        Args:
            probabilities: `calibrated` ones, `(..., classes)`.
            min_confidence: a fraction.
        """
        return _reaches(probabilities, np.maximum(self.values, min_confidence))

    def answer(
        self,
        found: np.ndarray,
        classes: Sequence[tuple[str, str]],
        top: int,
        min_confidence: float | None,
    ) -> SeveralClasses:
        """Returns the answer to an image; see `Decision.answer`."""
        probabilities = self.calibrated(found)
        chosen = self.answers(probabilities, min_confidence or 0)
        ranking = ranked_classes(probabilities, classes, top, chosen)
        labels = np.flatnonzero(chosen).tolist()
        names = frozenset(classes[at][1] for at in labels)
        return SeveralClasses(ranking, names, self.nothing)

    def read(
        self, record: Mapping[str, Any], min_confidence: float | None
    ) -> SeveralClasses:
        """Returns the answer that `SeveralClasses.record` has written."""
        names = record["labels"] if record else ()
        return SeveralClasses(read_ranking(record), frozenset(names), self.nothing)

    def confidence(self, found: Sequence[np.ndarray]) -> np.ndarray:
        """Returns the probability that all labels are right, float64 `(images,)`.

        It takes the classes for independent: the product of the probabilities that
        what is named is there, and that the rest is not.
        """
        there = self.calibrated(np.reshape(found, (-1, len(self.values))))
        there = there.astype(np.float64)
        answers = np.where(self.answers(there), there, 1 - there)
        product: np.ndarray = answers.prod(axis=1)
        return product

    def class_probabilities(self, found: Sequence[np.ndarray]) -> np.ndarray:
        """Returns the calibrated probabilities, `(images, classes)`."""
        return self.calibrated(np.stack(found))

    quality_name: ClassVar = "probability of its labels"

    def quality(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns the probability of each image's labels and no others, `(images,)`.

        It takes the classes for independent, as `confidence` does.
        """
        there = self.calibrated(np.reshape(found, (-1, len(self.values))))
        shown = class_targets(examples, len(self.values)).astype(bool)
        product: np.ndarray = np.where(shown, there, 1 - there).prod(axis=1)
        return product

    def resampled_headline(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns the figure of resamples; see `Decision.resampled_headline`."""
        answers = self.answers(self.calibrated(np.stack(found)))
        shown = class_targets(examples, len(self.values)).astype(bool)
        return resampled_mean((answers == shown).all(axis=1))

    def measure(
        self,
        class_names: Sequence[str],
        found: Sequence[np.ndarray],
        examples: Sequence[Example],
    ) -> tuple[MultiLabelFigures, np.ndarray]:
        """Returns the figures, and which images are right; see `Decision.measure`."""
        probabilities = self.calibrated(np.stack(found))
        shown = class_targets(examples, len(class_names)).astype(bool)
        return measure_labels(
            class_names, probabilities, self.answers(probabilities), shown, self.values
        )


@dataclass(frozen=True)
class MultiLabel(ClassTask):
    """The task of images with any number of labels."""

    name: str = MULTI_LABEL
    activation: str = "sigmoid"
    objective_class = SigmoidObjective

    def taken(self, dataset: Dataset, spec: str) -> Dataset:
        """Returns a data set of classes whose names can be joined in files."""
        require_labels(dataset, spec, self.name)
        names = dataset.class_names
        if not names:
            raise DataError(f"{spec} has no class; expected at least one.")
        divided = [name for name in names if LABEL_SEPARATOR in name]
        if divided:
            raise DataError(
                f"{spec} has the class {divided[0]!r}; where images have several "
                f"labels, {LABEL_SEPARATOR} stands between them in files. Rename the "
                "class."
            )
        return dataset

    def check_other(
        self, dataset: Dataset, spec: str, model: str, several: bool
    ) -> None:
        """Checks that other images have all their labels, if those of the model do."""
        if dataset.task != self.name and several:
            raise DataError(
                f"the images of {spec} have one label each, and {model} gives them "
                "any number. Measure it on a table with all labels of an image: "
                "rose|tulip."
            )

    def check_settings(self, config: Config) -> None:
        """Checks that the head can say yes to several classes, or to none."""
        super().check_settings(config)
        if config.head == "euclidean":
            raise ConfigError(
                f"{option('--head', 'euclidean')} says which class is nearest, and "
                "images with several labels need a yes or no for each class. Use "
                f"{option('--head', 'linear')} or {option('--head', 'mlp')}."
            )

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Returns the probability of each class by itself, in float64.

        In float32, those of logits above 17 would all be 1.
        """
        return _sigmoid(logits.astype(np.float64))

    def agreement(
        self, answers: np.ndarray, reference: np.ndarray, bounds: Bounds
    ) -> Verdict:
        """Compares probabilities, and the labels that are found at 0.5.

        Most classes are absent from most images, and agreeing on that says little. So
        only the labels that are found count, by the Dice coefficient: twice the number
        that both find, divided by the sum of what each finds
        (Dice, 1945, https://doi.org/10.2307/1932409).
        """
        difference = float(np.abs(answers - reference).max())
        found, expected = (a >= DEFAULT_THRESHOLD for a in (answers, reference))
        tied = np.abs(reference - DEFAULT_THRESHOLD) < TIE_TOLERANCE
        expected = np.where(tied, found, expected)
        both, all_found = int((found & expected).sum()), int(found.sum())
        all_found += int(expected.sum())
        same = 2 * both / all_found if all_found else 1.0
        return Verdict(
            difference <= bounds.difference and same >= bounds.agreement,
            f"a probability differs by {difference:.3f} (at most "
            f"{bounds.difference:g}), {same:.1%} of the labels are the same "
            f"(at least {bounds.agreement:.0%})",
        )

    def decision(
        self,
        class_names: Sequence[str],
        thresholds: Mapping[str, float],
        temperature: float | None = None,
    ) -> Thresholds:
        """Returns the decision by a run's thresholds, 0.5 until they are fitted."""
        values = [thresholds.get(name, DEFAULT_THRESHOLD) for name in class_names]
        nothing = word_for_nothing(NONE, class_names)
        return Thresholds(np.array(values), nothing, temperature)

    def _choose_monitor(self, targets: np.ndarray) -> tuple[str, str]:
        # F1 scores are noisy, since thresholds are chosen on the same few images.
        return MEAN_AVERAGE_PRECISION, "images may have several labels"


def _log_losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the log loss of each class of each image, `(images, classes)`."""
    # log(1 + exp(-x)) for classes that are present, log(1 + exp(x)) for others
    losses: np.ndarray = np.logaddexp(0, np.where(targets > 0, -logits, logits))
    return losses


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # exp(1000) is infinite, and the result 0
        probabilities: np.ndarray = 1 / (1 + np.exp(-logits))
    return probabilities


def _reaches(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Returns which probabilities reach the threshold of their class.

    Probabilities are rounded as they are printed, so that printed figures and answers
    never contradict each other.
    """
    printed: np.ndarray = probabilities.astype(np.float64).round(DIGITS)
    return printed >= thresholds
