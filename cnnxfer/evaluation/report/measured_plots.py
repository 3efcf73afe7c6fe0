"""The plots of measured answers: confusions, confidence, precision and recall."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from cnnxfer.evaluation.report.measured import MeasuredPart
from cnnxfer.pages.plots.axis import axis_of
from cnnxfer.pages.plots.confusion import Confusion, plot_confusion
from cnnxfer.pages.plots.curves import Curve, plot_curves
from cnnxfer.tasks.calibration import expected_calibration_error, reliability_bins

MOST_CLASSES = 20  # of a confusion matrix
NOTHING = "(nothing)"  # in a detector's matrix, in place of a class


def plot_matrix(part: MeasuredPart) -> tuple[Markup, str]:
    """Returns the confusion matrix, and which part of it is shown.

    Both are empty if the task has none.
    """
    counts = part.figures.confusion
    if not counts:
        return Markup(), ""
    names = part.class_names
    names += (NOTHING,) * (len(counts) - len(names))
    whole = Confusion(names, names, np.array(counts))
    shown = whole.most_confused(MOST_CLASSES)
    note = ""
    if shown is not whole:
        number = len(part.class_names)
        note = f"The {MOST_CLASSES} of {number} classes that are confused most."
    title = f"{part.split}: a row for each class, a column for each answer"
    return plot_confusion(title, shown), note


def plots_of(part: MeasuredPart) -> list[Markup]:
    """Returns how confidence and answers go together, as far as the task tells it."""
    has_thresholds = bool(part.figures.precision_by_recall)
    plot = plot_precision_recall if has_thresholds else plot_reliability
    return [plot(part)]


def plot_reliability(part: MeasuredPart) -> Markup:
    """Returns the reliability diagram: the share that is right by confidence."""
    confidences = {"answers": part.confidence}
    if part.uncalibrated is not None:
        before = {"without temperature": part.uncalibrated}
        confidences = before | {"with temperature": part.confidence}
    curves = [Curve("if confidence were exact", ((0, 0), (1, 1)), faint=True)]
    for style, (name, confidence) in enumerate(confidences.items()):
        error = expected_calibration_error(confidence, part.right)
        bins = reliability_bins(confidence, part.right)
        points = tuple((each.confidence, each.right) for each in bins)
        name = f"{name}: {error:.1%} off on average"
        curves.append(Curve(name, points, len(confidences) - 1 - style))
    fractions = axis_of([0, 1], percent=True)
    return plot_curves(
        f"right answers by confidence ({part.split})",
        curves,
        fractions,
        fractions,
        x_name="confidence",
    )


def plot_precision_recall(part: MeasuredPart) -> Markup:
    """Returns the curve of precision by recall, over all thresholds."""
    fractions = axis_of([0, 1], percent=True)
    return plot_curves(
        f"precision by recall, at an overlap of 0.5 ({part.split})",
        [Curve("all thresholds", part.figures.precision_by_recall)],
        fractions,
        fractions,
        x_name="recall",
    )
