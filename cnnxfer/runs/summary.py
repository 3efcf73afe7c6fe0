"""The figures that summarize a run."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config, Phase, defaults_of, with_recipe
from cnnxfer.config.setting import settings_in
from cnnxfer.errors import CnnxferError
from cnnxfer.reporting import duration
from cnnxfer.runs.lock import status_of
from cnnxfer.runs.run import Run


def summary_of(run: Run) -> dict[str, Any]:
    """Returns the summary of a run; figures that it does not have yet are None.

    If the accuracy is not what tells how good the answers are, `test_headline` has the
    figure that does. `seconds` is how long its phase took, since it was last resumed.

    Raises:
        RunError: if a file of the run is missing or damaged.
    """
    metrics = run.metrics
    phase = run.phase
    best, before = metrics.get(phase, {}), metrics.get("before", {})
    test = metrics.get("test", {})
    monitor = best.get("monitor", "accuracy")
    monitored = f"val_{monitor.replace('-', '_')}"
    # As the end of training tells it: of the model that answers, if it was measured.
    measured = metrics.get("validation") or {}
    value, before_value = _measured(measured, monitor), None
    if value is None:
        value, before_value = best.get(monitored), before.get(monitored)
    elif measured.get("before"):
        before_value = _measured(measured["before"], monitor)
    summary: dict[str, Any] = {
        "run": run.name,
        "phase": phase,
        "status": status_of(run),
        "parent": run.receipt.get("parent"),
        "backbone": run.receipt.get("backbone"),  # earlier runs have it in their name
        "started": run.receipt.get("started"),
        "note": run.note,
        "monitor": monitor,
        "val_monitored": value,
        "val_before": before_value,
        "val_accuracy": best.get("val_accuracy"),
        "test_accuracy": _test_accuracy(test),
        "test_before": _test_accuracy(test.get("before")),
        "best_epoch": best.get("epoch"),
        "seconds": run.receipt.get("seconds"),
    }
    if headline := test.get("headline"):
        of_parent = (test.get("before") or {}).get("headline") or {}
        summary["test_headline"] = {
            "figure": headline["figure"],
            "value": headline["value"],
            "before": of_parent.get("value"),
        }
    return summary


def _measured(evaluation: Mapping[str, Any], monitor: str) -> float | None:
    """Returns the figure that stands for an evaluation, if it is the monitored one."""
    share = evaluation.get("headline") or evaluation.get("right") or {}
    same = share.get("figure", "accuracy") == monitor
    return share.get("value") if same else None


def test_figures(summary: dict[str, Any]) -> tuple[str, float | None, float | None]:
    """Returns the figure that stands for the test images: name, before and after.

    Args:
        summary: what `summary_of` returns.

    Returns:
        What `metrics.json` calls the figure, and fractions, None where unknown.
    """
    if headline := summary.get("test_headline"):
        return headline["figure"], headline["before"], headline["value"]
    return "accuracy", summary.get("test_before"), summary.get("test_accuracy")


AnyRun = TypeVar("AnyRun", bound=Run)


def with_ancestors(run: AnyRun) -> list[AnyRun]:
    """Returns a run and the runs that it was fine-tuned from, the first phase first.

    The list starts after an ancestor that no longer exists or is damaged.
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
    """Returns the number of epochs of a run, with those that were added later."""
    epochs: int = getattr(run.config, run.phase).epochs
    return epochs + run.more_epochs  # which are not part of the settings


def phase_rows(run: Run) -> list[list[str]]:
    """Returns the phases of a run and its ancestors as rows, below their columns."""
    columns = ("epochs", "optimizer", "rate", "schedule", "best", "validation", "time")
    rows = [["phase", "run", *columns]]
    for ancestor in with_ancestors(run):
        phase = getattr(ancestor.config, ancestor.phase)
        summary, rate = summary_of(ancestor), phase.learning_rate
        rows.append(
            [
                ancestor.phase,
                ancestor.name,
                f"{len(ancestor.history)} of {epochs_of(ancestor)}",
                phase.optimizer,
                "auto" if rate == "auto" else f"{rate:g}",
                phase.schedule,
                "" if summary["best_epoch"] is None else str(summary["best_epoch"]),
                percent(summary["val_monitored"]),
                duration(summary["seconds"]) if summary["seconds"] else "",
            ]
        )
    return rows


def changed_settings(run: Run) -> dict[str, tuple[str, str]]:
    """Returns the settings of a run that are not the defaults, as they are typed.

    The defaults are those of its task, with its recipe. Left out are those of phases
    that it does not have, and what it was trained on and with.

    Returns:
        The value and the default by the name of the setting, with its table.
    """
    config = run.config
    usual = with_recipe(defaults_of(config.task), config.recipe)
    size = BACKBONES.get(config.backbone).input_size(usual.image_size)
    alike = {
        name: getattr(config, name)
        for name in ("data", "backbone", "task", "from_scratch")
    }
    if config.from_scratch is True:
        alike["weights"] = "none"
    usual = replace(usual, image_size=size, **alike)
    typed = dict(_typed(config, run.phase))
    return {
        name: (typed[name], default)
        for name, default in _typed(usual, run.phase)
        if typed[name] != default
    }


def _typed(config: Config, phase: str) -> Iterator[tuple[str, str]]:
    """Yields the settings of a run by their full names, as they are typed."""
    for table, section in {"": config, **vars(config)}.items():
        is_other = isinstance(section, Phase) and table != phase
        if hasattr(section, "__dataclass_fields__") and not is_other:
            for name, setting in settings_in(type(section)).items():
                full = f"{table}.{name}".lstrip(".")
                yield full, setting.typed(getattr(section, name))


def before_and_after(before: float | None, after: float | None) -> str:
    """Returns `91.2%`, or `91.2% -> 94.1%` for a fine-tuned run.

    Args:
        before: a figure before fine-tuning, as a fraction; None for a first phase.
        after: the figure of the run, as a fraction; None if it is not known.
    """
    if before is None or after is None:
        return percent(after)
    return f"{percent(before)} -> {percent(after)}"


def percent(fraction: float | None) -> str:
    """Returns a fraction as `91.2%`; "" for None."""
    return "" if fraction is None else f"{fraction:.1%}"


def _test_accuracy(evaluation: dict[str, Any] | None) -> float | None:
    """Returns the fraction of images whose labels are all right."""
    if not evaluation:
        return None
    accuracy: float = evaluation["right"]["value"]
    return accuracy
