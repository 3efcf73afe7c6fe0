"""The answers to a split of a run's images, measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.errors import DataError
from cnnxfer.evaluation.answered import Answered
from cnnxfer.runs import Run
from cnnxfer.tasks.answer import TaskAnswer
from cnnxfer.tasks.catalog import decision_of, task_of
from cnnxfer.tasks.task import Decision, Figures

RANKING = 3  # how many classes of an answer are shown


@dataclass(frozen=True, eq=False)
class MeasuredPart:
    """A split of a run's images with what its model answers.

    Attributes:
        split: the name of the split.
        class_names: the names of the classes, in label order.
        answered: the images and their answers.
        decision: how an answer follows from what was found.
        figures: the figures of all answers.
        right: bool `(images,)`: which answers are right.
        quality: float `(images,)`: how good each is, as `Decision.quality` says.
        confidence: float `(images,)`: how sure each is.
        uncalibrated: how sure each would be without the run's temperature; None if it
            has none.
    """

    split: str
    class_names: tuple[str, ...]
    answered: Answered
    decision: Decision
    figures: Figures
    right: np.ndarray
    quality: np.ndarray
    confidence: np.ndarray
    uncalibrated: np.ndarray | None = None

    @property
    def examples(self) -> Sequence[Example]:
        """The images that could be read."""
        return self.answered.examples

    def answer(self, at: int) -> TaskAnswer:
        """Returns the answer to an image, by its position."""
        classes = [(name, name) for name in self.class_names]
        return self.decision.answer(self.answered.found[at], classes, RANKING, None)


def measure_part(run: Run, split: str, answered: Answered) -> MeasuredPart:
    """Measures the answers of a run's model to a split of its images.

    Raises:
        DataError: if there is no answer, or what is known of an image cannot be read
            any more.
    """
    if not answered.examples:
        raise DataError(
            f"none of the {answered.unreadable} {split} images of {run.path} can be "
            "read any more."
        )
    names, found = run.class_names, answered.found
    decision = decision_of(run)
    plain = task_of(run).decision(names, run.thresholds)
    figures, right = decision.measure(names, found, answered.examples)
    return MeasuredPart(
        split,
        names,
        answered,
        decision,
        figures,
        right,
        decision.quality(found, answered.examples),
        decision.confidence(found),
        None if run.temperature is None else plain.confidence(found),
    )
