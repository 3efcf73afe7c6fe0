"""Boxes and masks learned on a frozen backbone, and tuned: how good, how fast.

In whole processes with an empty cache: `cnnxfer train`, `unfreeze` and `evaluate` with
each seed, on the sets of boxes and masks of the shared folder. Test pictures are read
once for each run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.lib.options import add_seeds
from bench.lib.results import Cell, Table, show
from bench.lib.trainings import Training, Workplace
from bench.tasks.sets import SETS, TaskSet

PHASES = {"frozen": "frozen", "tuned": "fine_tune"}  # as metrics call them


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_seeds(parser)
    names = [one.name for one in SETS]
    parser.add_argument(
        "--sets", nargs="+", choices=names, default=names, help="by default all"
    )
    parser.add_argument(
        "--frozen", action="store_true", help="without fine-tuning", default=False
    )


def measure(options: argparse.Namespace) -> Table:
    """Trains on each set with each seed, and measures both phases."""
    rows: list[list[Cell]] = []
    for one in SETS:
        if one.name in options.sets:
            for seed in options.seeds:
                rows += _rows(one, seed, frozen=options.frozen)
    return Table(
        "Boxes and masks on EfficientNet-Lite0",
        ("data", "phase", "seed", "seconds", "CPU seconds", "validation", "test"),
        rows,
        [
            "Seconds are of the whole process, from its start to the saved model. "
            "Validation has the figure that chooses the epoch.",
            "raccoon and bccd have their own test pictures, caltech3 and flowers17 a "
            "fifth by content. Of flowers17's masks, the flower and what is around it "
            "are the classes.",
        ],
    )


def _rows(one: TaskSet, seed: int, *, frozen: bool) -> list[list[Cell]]:
    with TemporaryDirectory() as folder:
        data, place = one.prepare(Path(folder)), Workplace(Path(folder))
        chosen = ("--seed", str(seed), *one.options)
        phases = {"frozen": place.run("train", str(data), *chosen)}
        if not frozen:
            run = phases["frozen"].document["run"]
            phases["tuned"] = place.run("unfreeze", str(run))
        return [
            _row(one, phase, seed, training, place)
            for phase, training in phases.items()
        ]


def _row(
    one: TaskSet, phase: str, seed: int, training: Training, place: Workplace
) -> list[Cell]:
    tested: dict[str, Any]
    tested = place.run("evaluate", str(training.document["run"])).document
    test = ", ".join(
        f"{name} {tested[key]['value']:.3f}" for name, key in one.figures.items()
    )
    metrics = training.document["metrics"][PHASES[phase]]
    monitor = metrics["monitor"]
    validation = f"{monitor} {metrics['val_' + monitor.replace('-', '_')]:.3f}"
    seconds = training.process.wall_seconds, training.process.cpu_seconds
    what = f"{one.name} {phase}"
    show(what, cpu_seconds=seconds[1], validation=validation, test=test)
    return [one.name, phase, seed, *map(round, seconds), validation, test]
