"""What fine-tuning did: the run that it began with, and what came of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from cnnxfer.data.prepared import load_parts
from cnnxfer.evaluation.evaluator import measure_beside_parent
from cnnxfer.evaluation.metrics import Evaluation
from cnnxfer.prediction.classifier import Computing
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run


@dataclass(frozen=True)
class BeforeAfter:
    """A tuned model on the images of its run, each with `before`: its parent on them.

    Attributes:
        validation: on those that chose its best epoch, which flatters it a little.
        test: on those that nothing has looked at; None where there are none.
    """

    validation: Evaluation
    test: Evaluation | None

    @property
    def lines(self) -> list[str]:
        """The two for people, with 95% intervals."""
        lines = [f"validation {self.validation.shares} (95% intervals)"]
        if self.test:
            lines.append(f"test {self.test.shares}; {self.test.changes}")
        return lines


def compare_with_parent(run: Run, reporter: Reporter) -> BeforeAfter:
    """Measures a tuned run and its parent on validation and test images.

    Each network answers all of them in one go, in the fastest engine that agrees with
    Keras, as `evaluate` has it. The figures go into the run's metrics, and to people.

    Args:
        run: has a model, and a parent that has one.
        reporter: draws the progress, and is told what came of it.

    Raises:
        DataError: if images are gone.
        RunError: if the parent is gone, or the figures cannot be written.
    """
    assert run.parent
    run.parent.require_model()
    parts = load_parts(run, reporter)
    measured = [part for part in (parts.validation, parts.test) if part]
    evaluations = measure_beside_parent(run, measured, reporter, Computing())
    outcome = BeforeAfter(evaluations[0], evaluations[1] if parts.test else None)
    run.update_metrics(**_as_metrics(outcome))
    for line in outcome.lines:
        reporter.info(line)
    return outcome


def _as_metrics(outcome: BeforeAfter) -> dict[str, Any]:
    metrics = {"validation": dataclasses.asdict(outcome.validation)}
    if outcome.test:
        metrics["test"] = dataclasses.asdict(outcome.test)
    return metrics
