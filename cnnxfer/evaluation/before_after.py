"""Compares a fine-tuned run with its parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.dataset import Example
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.prepared import Splits
from cnnxfer.evaluation.measuring import measure_beside_parent
from cnnxfer.evaluation.metrics import Evaluation
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.catalog import decision_of
from cnnxfer.tasks.dense_task import place_of
from cnnxfer.training.setup import Setup

# How many answers are measured at the end of training, times the classes, of which few
# cost as much as these: the intervals of more take seconds.
MOST_MEASURED, FEW_CLASSES = 200_000, 100
MOST_PIXELS = 10**8  # of masks that are compared, which takes seconds


@dataclass(frozen=True)
class BeforeAfter:
    """Evaluations of a fine-tuned run, each with `before`, that of its parent.

    Attributes:
        validation: the evaluation on the validation images. It is a little too good,
            since these images selected the best epoch.
        test: the evaluation on the test images, which were not used before; None if the
            run has none.
    """

    validation: Evaluation
    test: Evaluation | None

    @property
    def lines(self) -> list[str]:
        """Both evaluations as lines of text, with 95% confidence intervals."""
        lines = [f"validation {self.validation.shares} (95% intervals)"]
        if self.test:
            lines.append(f"test {self.test.shares}; {self.test.changes}")
        return lines


def compare_with_parent(run: Run, parts: Splits, reporter: Reporter) -> BeforeAfter:
    """Measures a fine-tuned run and its parent on the validation and test images.

    Each network computes all images in one pass, in the fastest engine that agrees with
    Keras, as `evaluate` does. The figures are written to the run's metrics and
    reported.

    Args:
        run: a run with a model, whose parent has a model.
        parts: the run's images.
        reporter: shows the progress and the figures.

    Raises:
        DataError: if no image of a split can be read.
        RunError: if the parent no longer exists, or the figures cannot be written.
    """
    run.require_parent().require_model()
    splits = [split for split in (parts.validation, parts.test) if split]
    with reporter.wait("measuring before and after"):
        evaluations = measure_beside_parent(run, splits, reporter, ClassifierOptions())
    outcome = BeforeAfter(evaluations[0], evaluations[1] if parts.test else None)
    run.update_metrics(**_as_metrics(outcome))
    for line in outcome.lines:
        reporter.detail(line)
    return outcome


def measure_trained(run: Run, setup: Setup, answers: np.ndarray) -> None:
    """Measures a run by the answers that training has seen; adds it to its metrics.

    Where that would take seconds, because images, classes or pixels with a class are
    many, it is left out; `evaluate` measures them all.

    Args:
        run: a run with a model.
        setup: what it was trained with.
        answers: the model's answers to the validation images, float32 `(images, ...)`.
    """
    examples, task = setup.splits.validation, setup.task
    classes = max(len(run.class_names), FEW_CLASSES)
    many = len(examples) * classes > MOST_MEASURED
    if many or len(answers) != len(examples) or _pixels(examples) > MOST_PIXELS:
        return
    found = list(task.probabilities(answers))
    if task.follows_views:
        found = [
            task.combined(row[None], [_place(example, setup)], *_size(example))
            for row, example in zip(found, examples, strict=True)
        ]
    figures, _ = decision_of(run).measure(run.class_names, found, examples)
    evaluation = Evaluation(
        run.name, images=len(examples), unreadable=0, seen=0, figures=figures
    )
    run.update_metrics(validation=evaluation.as_metrics())


def _place(example: Example, setup: Setup) -> Geometry:
    """Returns which part of an image the network has seen."""
    return place_of(example, setup.central_views, setup.image_size)


def _size(example: Example) -> tuple[int, int]:
    """Returns the width and the height of an image that is annotated with them."""
    annotation: Any = example.annotation
    return annotation.width, annotation.height


def _pixels(examples: Sequence[Example]) -> int:
    """Returns how many pixels have a class in images with masks; 0 in others."""
    return sum(
        example.annotation.width * example.annotation.height
        for example in examples
        if isinstance(example.annotation, ClassMask)
    )


def _as_metrics(outcome: BeforeAfter) -> dict[str, Any]:
    metrics = {"validation": outcome.validation.as_metrics()}
    if outcome.test:
        metrics["test"] = outcome.test.as_metrics()
    return metrics
