"""A run in a few figures."""

from __future__ import annotations

from typing import Any

from cnnxfer.errors import CnnxferError
from cnnxfer.runs import Run, status_of


def summary_of(run: Run) -> dict[str, Any]:
    """Returns what `runs` lists of a run; figures that it has not are None.

    Raises:
        RunError: if a file of the run is missing or damaged.
    """
    metrics = run.metrics
    phase = run.phase
    reached, before = metrics.get(phase, {}), metrics.get("before", {})
    test = metrics.get("test", {})
    monitor = reached.get("monitor", "accuracy")
    monitored = f"val_{monitor.replace('-', '_')}"
    return {
        "run": run.name,
        "phase": phase,
        "status": status_of(run),
        "parent": run.receipt.get("parent"),
        "monitor": monitor,
        "val_monitored": reached.get(monitored),
        "val_before": before.get(monitored),
        "val_accuracy": reached.get("val_accuracy"),
        "test_accuracy": _right(test),
        "test_before": _right(test.get("before")),
        "best_epoch": reached.get("epoch"),
    }


def lineage(run: Run) -> list[Run]:
    """Returns the runs that led to a run, the first phase first, and the run itself.

    Where one is gone or damaged, it begins after it.
    """
    runs = [run]
    while parent := runs[0].parent:
        if parent in runs or not (parent.path / "config.toml").is_file():
            break
        try:
            _ = parent.config, parent.receipt, parent.metrics, parent.history
        except CnnxferError:  # settings may be wrong, not only files
            break
        runs.insert(0, parent)
    return runs


def epochs_of(run: Run) -> int:
    """Returns how many epochs a run's phase is to have, with those added later."""
    epochs: int = getattr(run.config, run.phase).epochs
    # `resume --epochs +5` writes down there what is not in the settings.
    return epochs + int(run.receipt.get("more_epochs", 0))


def shown_accuracy(before: float | None, after: float | None) -> str:
    """Returns `91.2%`, or `91.2% -> 94.1%` where there is something before."""
    if before is None or after is None:
        return percent(after)
    return f"{percent(before)} -> {percent(after)}"


def percent(fraction: float | None) -> str:
    """Returns `91.2%`; nothing for None."""
    return "" if fraction is None else f"{fraction:.1%}"


def _right(measured: dict[str, Any] | None) -> float | None:
    """Returns the share of right answers, with all labels, of an evaluation."""
    if not measured:
        return None
    share: float | None = (measured.get("exact") or measured["top1"])["value"]
    return share
