"""Draws the history of a run: its loss, and how good its answers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = "tab:blue", "tab:orange"  # of the training and the validation images


def plot_history(runs: Sequence[Run]) -> Figure:
    """Returns a figure of all epochs of runs, each of which went on from the last.

    Raises:
        ConfigError: if matplotlib is not installed.
        RunError: if no epoch has ended yet.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ConfigError(
            "plots need matplotlib. Install it with: pip install 'cnnxfer[plot]'"
        ) from error
    phases = [run.history for run in runs if run.history]
    if not phases:
        raise RunError(f"{runs[-1].path} has no epoch to plot yet. Train it first.")
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    # In a notebook, an open figure would be drawn a second time.
    pyplot.close(figure)
    for axis, name in zip(axes, ("loss", _figure(phases[-1][-1])), strict=True):
        start = 0
        for rows in phases:
            epochs = range(start + 1, start + len(rows) + 1)
            for column, colour in zip((name, f"val_{name}"), COLOURS, strict=True):
                values = [row.get(column) for row in rows]
                label = "validation" if column.startswith("val_") else "train"
                axis.plot(epochs, values, ".-", color=colour, label=label)
            if start:
                axis.axvline(start + 0.5, color="gray", linewidth=0.8, linestyle=":")
            phase = str(rows[0]["phase"]).replace("_", "-")
            axis.annotate(
                phase,
                (start + 0.6, 1.01),
                xycoords=("data", "axes fraction"),
                color="gray",
            )
            start += len(rows)
        axis.set(xlabel="epoch", ylabel=name.replace("_", " "))
        axis.xaxis.get_major_locator().set_params(integer=True)
    handles, labels = axes[0].get_legend_handles_labels()
    axes[0].legend(handles[:2], labels[:2])
    return figure


def _figure(row: Mapping[str, Any]) -> str:
    """Returns the figure that an epoch's row has first, after the loss."""
    columns = (name for name in row if name.startswith("val_") and name != "val_loss")
    return next(columns, "val_accuracy").removeprefix("val_")
