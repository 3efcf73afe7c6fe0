"""Curves of what runs did epoch by epoch, phases one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from markupsafe import Markup

from cnnxfer.pages.plots.axis import axis_of
from cnnxfer.pages.plots.curves import Curve, plot_curves
from cnnxfer.runs import Run
from cnnxfer.runs.summary import with_ancestors
from cnnxfer.tasks.score import NAMES

Rows = Sequence[Mapping[str, Any]]  # epochs, as a run's history has them


def plot_history(run: Run) -> list[Markup]:
    """Returns plots of a run's loss and of how good its answers were, by epoch.

    The phases of its ancestors come first. Training and validation are a curve each.

    Returns:
        Two plots; none before the first epoch has ended.
    """
    runs = [each for each in with_ancestors(run) if each.history]
    rows = _rows(runs)
    starts, epochs = [], 0
    for each in runs:
        starts.append((epochs + 0.5, each.phase.replace("_", "-")))
        epochs += len(each.history)
    return [
        _plot(
            figure,
            [
                Curve("training", _points(rows, figure), 0),
                Curve("validation", _points(rows, f"val_{figure}"), 1),
            ],
            starts,
        )
        for figure in _figures(rows)
    ]


def plot_histories(runs: Sequence[Run]) -> list[Markup]:
    """Returns plots of the validation of several runs, each a curve with its name.

    The phases of a run's ancestors come before its own. Figures that not all runs have
    are drawn of those that do.
    """
    rows = [(run.name, _rows(with_ancestors(run))) for run in runs]
    figures = dict.fromkeys(chain.from_iterable(_figures(each) for _, each in rows))
    return [
        _plot(
            f"validation {figure}",
            [
                Curve(name, _points(each, f"val_{figure}"), style)
                for style, (name, each) in enumerate(rows)
            ],
        )
        for figure in figures
    ]


def _rows(runs: Sequence[Run]) -> Rows:
    return [row for run in runs for row in run.history]


def _figures(rows: Rows) -> list[str]:
    """Returns `loss`, and the figure that stands for how good the answers are."""
    if not rows:
        return []
    columns = (name for name in rows[-1] if name.startswith("val_"))
    others = (name.removeprefix("val_") for name in columns if name != "val_loss")
    return ["loss", *list(others)[:1]]


def _points(rows: Rows, column: str) -> tuple[tuple[float, float], ...]:
    values = ((epoch, row.get(column)) for epoch, row in enumerate(rows, start=1))
    return tuple((float(epoch), value) for epoch, value in values if value is not None)


def _named(word: str) -> str:
    """Returns the name of a figure as people know it; other words as they are."""
    return NAMES.get(word.replace("_", "-"), word)


def _plot(
    title: str, curves: Sequence[Curve], marks: Sequence[tuple[float, str]] = ()
) -> Markup:
    epochs = [x for curve in curves for x, _ in curve.points]
    values = [y for curve in curves for _, y in curve.points]
    starts = [at for at, _ in marks]
    return plot_curves(
        " ".join(map(_named, title.split())),
        curves,
        axis_of(epochs + starts, whole=True),
        axis_of(values, percent=not title.endswith("loss")),
        x_name="epoch",
        marks=marks,
    )
