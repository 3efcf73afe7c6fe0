"""What came of training, and what to type next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cnnxfer.reporting import Result
from cnnxfer.runs import Run, resolve_runs_dir
from cnnxfer.runs.summary import percent, summary_of
from cnnxfer.spelling import command
from cnnxfer.tasks.score import ACCURACY, NAMES
from cnnxfer.tasks.significance import Accuracy
from cnnxfer.training.phase import PHASES


def result_of(run: Run) -> Result:
    """Returns the result of a run whose phase has just ended, from its files."""
    summary, measured = summary_of(run), run.metrics.get("validation")
    if measured:
        figure, share = _headline(measured)
        of_parent = measured.get("before")
        before = _headline(of_parent)[1].value if of_parent else None
        facts = [share.named(f"validation {NAMES[figure]}")]
    else:  # as training has measured it
        name = f"validation {NAMES[summary['monitor']]}"
        facts = [f"{percent(summary['val_monitored'])} {name}"]
        before = summary["val_before"]
    if before is not None:
        facts.append(f"before {percent(before)}")
    classes = len(run.class_names)
    facts.append(f"{classes:,} classes" if classes > 1 else "1 class")
    facts.append(_rounded(summary["seconds"]))
    return Result(
        ", ".join(facts),
        (
            ("weakest", _weakest(measured or {})),
            ("test", _test(run.metrics.get("test"))),
            ("saved", str(run.path)),
            ("next", next_command(run)),
        ),
    )


def next_command(run: Run) -> str:
    """Returns a command that makes sense after a phase, and can be pasted."""
    # What names no run takes the latest, and this one has just ended.
    is_default = run.path.parent.resolve() == resolve_runs_dir(None).resolve()
    name = PHASES.get(run.phase).next_command
    image = _image_of(run) if name == "predict" else None
    if image is not None:
        model = {} if is_default else {"model": run.path}
        return command("predict", image, **model)
    name = "evaluate" if name == "predict" else name
    return command(name, *([] if is_default else [run.path]))


def _image_of(run: Run) -> Path | None:
    """Returns a file among the images that the run was not trained on, if there are."""
    folder = Path(run.config.data)
    others = (row for row in run.split if row.split != "train")
    found = (folder / row.id for row in sorted(others, key=lambda row: row.split))
    path = next((path for path in found if path.is_file()), None)
    here = Path.cwd()
    return path.relative_to(here) if path and path.is_relative_to(here) else path


def _headline(measured: dict[str, Any]) -> tuple[str, Accuracy]:
    """Returns the figure that stands for all, and its value."""
    share = measured.get("headline") or measured["right"]
    value = Accuracy(share["value"], share["low"], share["high"])
    return share.get("figure", ACCURACY), value


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _weakest(measured: dict[str, Any]) -> str:
    weakest = measured.get("weakest", {}).items()
    # None of them is perfect, whatever rounding says.
    return ", ".join(f"{name} {min(value, 0.99):.0%}" for name, value in weakest)


def _test(measured: dict[str, Any] | None) -> str:
    """Returns how fine-tuning has changed what the test images show."""
    if not measured or not measured.get("before"):
        return ""
    from cnnxfer.evaluation.metrics import changes_text

    before, after = _headline(measured["before"])[1], _headline(measured)[1]
    changes = changes_text(measured["images"], measured["gained"], measured["lost"])
    return f"{after.named('')}, before {percent(before.value)}: {changes}"
