"""Compares a fine-tuned run with its parent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.prepared import Splits
from cnnxfer.evaluation.measuring import measure_beside_parent
from cnnxfer.evaluation.metrics import Evaluation
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run


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
    evaluations = measure_beside_parent(run, splits, reporter, ClassifierOptions())
    outcome = BeforeAfter(evaluations[0], evaluations[1] if parts.test else None)
    run.update_metrics(**_as_metrics(outcome))
    for line in outcome.lines:
        reporter.info(line)
    return outcome


def _as_metrics(outcome: BeforeAfter) -> dict[str, Any]:
    metrics = {"validation": outcome.validation.as_metrics()}
    if outcome.test:
        metrics["test"] = outcome.test.as_metrics()
    return metrics
