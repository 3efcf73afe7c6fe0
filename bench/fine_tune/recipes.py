"""Both phases of training, and the options of the second, as whole processes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

from processes import Finished, run_process
from results import Results, Row

RECIPES = ("textbook", "fast", "best")
CONTENDERS = ("script", *RECIPES)  # the first is `textbook.py`
FROZEN_EPOCHS = 5
DATA = ("--data", "tf_flowers", "--split", "slices")
# The first is the default.
CHOICES = (
    "",
    "--views 1",
    "--views 8",
    "--epochs 4",
    "--epochs 16 --views 8",
    "--last 15%",
    "--last 50%",
    "--all",
    "--optimizer sgd --lr 0.01 --weight-decay 0",
    "--lr 0.001",
    "--ema 0.98",
    "--layer-decay 0.8",
    "--label-smoothing 0",
    "--bn train",
)


def compare_contenders(
    results: Results,
    backbones: Sequence[str],
    contenders: Sequence[str],
    *,
    seeds: Sequence[int],
    tune_epochs: int,
) -> None:
    """Compares accuracy and time of both phases, on ImageNet weights.

    Args:
        results: where the figures go; means and ranges over the seeds in the table.
        backbones: of the catalog.
        contenders: some of `CONTENDERS`.
        seeds: one training each.
        tune_epochs: of the textbook's script in its second phase.
    """
    table = []
    for backbone in backbones:
        for contender in contenders:
            rows = []
            for seed in seeds:
                if contender in RECIPES:
                    row = _recipe(backbone, contender, seed)
                else:
                    row = _script(backbone, seed, tune_epochs)
                labels = {"backbone": backbone, "what": contender, "seed": seed}
                results.add("fine-tuning", {**labels, **row})
                rows.append(row)
            table.append({"backbone": backbone, "what": contender, **_summary(rows)})
    results.table(
        f"1. Both phases on ImageNet weights, tf_flowers in slices, {len(seeds)} "
        "seeds: seconds of the whole process, and accuracy.\nOf the textbook's script "
        "that after its last epoch; cnnxfer keeps the best epoch on validation.",
        table,
    )


def compare_options(
    results: Results, backbones: Sequence[str], *, seeds: Sequence[int]
) -> None:
    """Compares what `unfreeze` can be asked for, on validation images alone.

    All begin with one frozen run a seed, and find the features that it has left, but
    no activations.

    Args:
        results: where the figures go; means and ranges over the seeds in the table.
        backbones: of the catalog.
        seeds: one training each.
    """
    table = []
    for backbone in backbones:
        rows: dict[str, list[Row]] = {}
        for seed in seeds:
            with TemporaryDirectory() as folder:
                train = _Place(Path(folder)).run
                given = ["--backbone", backbone, "--seed", str(seed)]
                frozen = train("train", *DATA, *given).document["run"]
                for choice in CHOICES:
                    with TemporaryDirectory() as cache:
                        tuned = _Place(Path(folder), Path(cache)).run(
                            "unfreeze", frozen, *choice.split()
                        )
                    row = _figures(tuned)
                    labels = {"backbone": backbone, "options": choice, "seed": seed}
                    results.add("options", {**labels, **row})
                    rows.setdefault(choice, []).append(row)
        table += [
            {"backbone": backbone, "options": choice or "(none)", **_summary(same)}
            for choice, same in rows.items()
        ]
    results.table(
        f"2. `cnnxfer unfreeze` with other options, tf_flowers in slices, {len(seeds)} "
        "seeds: seconds of the whole process, and accuracy on validation.",
        table,
    )


def _script(backbone: str, seed: int, tune_epochs: int) -> Row:
    """Returns the figures of the textbook's script after its second phase."""
    script = Path(__file__).with_name("textbook.py")
    options = ["--backbone", backbone, "--seed", str(seed)]
    options += ["--epochs", str(FROZEN_EPOCHS), "--tune-epochs", str(tune_epochs)]
    process = run_process([sys.executable, str(script), *options])
    frozen: dict[str, Any] = json.loads(process.output.splitlines()[-1])
    tuned = frozen["tuned"]
    return {
        "wall_seconds": process.wall_seconds,
        "cpu_seconds": process.cpu_seconds,
        "frozen_val": frozen["val_accuracy"][-1],
        "val_accuracy": tuned["val_accuracy"][-1],
        "test_accuracy": tuned["test_accuracy"],
        "peak_mb": process.peak_mb,
    }


def _recipe(backbone: str, recipe: str, seed: int) -> Row:
    """Returns the figures of `cnnxfer train --recipe ... --fine-tune`."""
    with TemporaryDirectory() as folder:
        given = ["--backbone", backbone, "--recipe", recipe, "--seed", str(seed)]
        tuned = _Place(Path(folder)).run("train", *DATA, *given, "--fine-tune")
        test = tuned.document["metrics"]["test"]["top1"]["value"]
        return {**_figures(tuned), "test_accuracy": test}


def _figures(tuned: _Ran) -> Row:
    """Returns what the models that were kept make of the validation images."""
    metrics = tuned.document["metrics"]
    return {
        "wall_seconds": tuned.process.wall_seconds,
        "cpu_seconds": tuned.process.cpu_seconds,
        "frozen_val": metrics["before"]["val_accuracy"],
        "val_accuracy": metrics["validation"]["top1"]["value"],
        "test_accuracy": None,
        "peak_mb": tuned.process.peak_mb,
    }


@dataclass(frozen=True)
class _Ran:
    """A command of cnnxfer that has ended well, and what it printed."""

    process: Finished
    document: dict[str, Any]


@dataclass(frozen=True)
class _Place:
    """A folder for runs, and a cache, beside them unless it is elsewhere."""

    folder: Path
    cache: Path | None = None

    def run(self, command: str, *arguments: str) -> _Ran:
        """Runs a command of cnnxfer."""
        process = run_process(
            [sys.executable, "-m", "cnnxfer", command, "--json", *arguments],
            {
                "CNNXFER_CACHE": str(self.cache or self.folder / "cache"),
                "CNNXFER_RUNS": str(self.folder / "runs"),
            },
        )
        return _Ran(process, json.loads(process.output))


def _summary(rows: Sequence[Row]) -> Row:
    """Returns means, and the lowest and highest accuracies."""
    val = [row["val_accuracy"] for row in rows]
    test = [row["test_accuracy"] for row in rows if row["test_accuracy"] is not None]
    tested = len(test) == len(rows)
    return {
        "wall_seconds": mean(row["wall_seconds"] for row in rows),
        "frozen_val": mean(row["frozen_val"] for row in rows),
        "val": mean(val),
        "val_range": _range(val),
        "test": mean(test) if tested else None,
        "test_range": _range(test) if tested else None,
        "val_and_test": (mean(val) + mean(test)) / 2 if tested else None,
        "peak_mb": max(row["peak_mb"] for row in rows),
    }


def _range(numbers: Sequence[float]) -> str:
    return f"{min(numbers):.4g}-{max(numbers):.4g}"
