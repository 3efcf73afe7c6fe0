"""The gate of every export: the file's answers, in its own runtime, and Keras's."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from cnnxfer.engines.engine import Outputs
from cnnxfer.engines.exported.manifest import Precision
from cnnxfer.prediction.pictures import Pictures
from cnnxfer.tasks.agreement import Bounds
from cnnxfer.tasks.score import NAMES
from cnnxfer.tasks.significance import Accuracy
from cnnxfer.tasks.task import Decision

PICTURES = 64  # that are compared
# Measured on EfficientNet-Lite0 in ONNX Runtime, OpenVINO and LiteRT: float32 differs
# by less than 0.0001, float16 by less than 0.01. Rounding to 8 bits moves probabilities
# by any amount, so that only classes and accuracy count.
BOUNDS: dict[Precision, Bounds] = {
    "float32": Bounds(0.001, agreement=1.0, distance=0.001, pixels=0.1),
    "float16": Bounds(0.02, agreement=0.98, distance=0.01, pixels=1.0),
    "int8": Bounds(1.0, agreement=0.9, distance=1.0),
}
# Of boxes, which must be where they are: scores within 0.3, and an overlap of 0.7.
INT8_BOXES = Bounds(0.3, agreement=0.9, distance=1.0)
MOST_LOST = 0.05  # of the headline figure, by int8, on so few pictures


@dataclass(frozen=True)
class Parity:
    """How the answers of an exported network compare with those of Keras.

    Attributes:
        pictures: how many were compared.
        difference: the largest difference of an output.
        figures: what was compared, and the bounds, in words.
        passed: whether the export may be used.
        figure: the name of the headline figure, such as "accuracy"; empty where the
            labels of the pictures are not known.
        before: the figure of Keras on these pictures; None without labels.
        after: that of the exported network; None without labels.
    """

    pictures: int
    difference: float
    figures: str
    passed: bool
    figure: str = ""
    before: float | None = None
    after: float | None = None

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        text = f"{self.pictures} pictures as in Keras: {self.figures}"
        if self.before is None or self.after is None:
            return text
        return f"{text}; {self.figure} {self.before:.1%} -> {self.after:.1%}"

    def as_json(self) -> dict[str, Any]:
        """Returns the entry of the manifest."""
        return asdict(self)


def compare(
    answers: np.ndarray,
    reference: np.ndarray,
    pictures: Pictures,
    *,
    outputs: Outputs,
    decision: Decision,
    class_names: tuple[str, ...],
    precision: Precision,
    labelled: bool,
) -> Parity:
    """Compares an exported network's outputs with those of Keras.

    Args:
        answers: those of the exported network, `(pictures, ...)`.
        reference: those of Keras in float32.
        pictures: what was shown to both.
        outputs: what the numbers are.
        decision: how an answer follows from them.
        class_names: the names of the classes, in label order.
        precision: what the weights are stored in.
        labelled: whether the labels of the pictures are those of the classes.
    """
    task = outputs.task
    assert task is not None
    if answers.shape != reference.shape or not np.isfinite(answers).all():
        return Parity(len(answers), math.inf, "outputs are not finite", False)
    values, expected = outputs.probabilities(answers), outputs.probabilities(reference)
    boxes = task.follows_views and precision == "int8"
    verdict = task.agreement(
        values, expected, INT8_BOXES if boxes else BOUNDS[precision]
    )
    difference = float(np.abs(values - expected).max())
    found = Parity(len(answers), difference, verdict.figures, verdict.passed)
    if not labelled:
        return found
    name, before = _headline(reference, pictures, outputs, decision, class_names)
    _, after = _headline(answers, pictures, outputs, decision, class_names)
    kept = precision != "int8" or after.value >= before.value - MOST_LOST
    return replace(
        found,
        passed=verdict.passed and kept,
        figure=NAMES[name],
        before=before.value,
        after=after.value,
    )


def _headline(
    values: np.ndarray,
    pictures: Pictures,
    outputs: Outputs,
    decision: Decision,
    class_names: tuple[str, ...],
) -> tuple[str, Accuracy]:
    found = [
        outputs.combined(row[None], [place], width, height)
        for row, place, (width, height) in zip(
            values, pictures.places, pictures.sizes, strict=True
        )
    ]
    figures, _ = decision.measure(class_names, found, pictures.examples)
    return figures.headline
