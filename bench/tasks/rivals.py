"""Boxes and masks against what else one would take, in the same time.

In whole processes: `cnnxfer train` and, unless `--frozen`, `unfreeze` with an empty
cache; then, on the same images and the same backbone with the same weights, each for as
long as these took together: KerasHub's RetinaNet or DeepLabV3+ as their guides train
them, and cnnxfer's own network in Keras's `fit`, all of whose layers learn in every
step. KerasHub is in the extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.lib.processes import run_process
from bench.lib.results import Cell, Table, show
from bench.lib.trainings import Workplace
from bench.tasks.sets import SETS, TaskSet
from cnnxfer.runs import Run

FROZEN, BOTH = "cnnxfer, frozen", "cnnxfer, both phases"
WHOLE = "the same network, all layers in every step"
# The rivals and their rates by the names of the sets.
NETWORKS = {
    "raccoon": (("RetinaNet", "retinanet", 0.001), (WHOLE, "whole", 0.0005)),
    "flowers17": (("DeepLabV3+", "deeplab", 0.00175), (WHOLE, "whole", 0.0005)),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument("--seed", default="0", help="by default 0")
    parser.add_argument(
        "--sets",
        nargs="+",
        choices=NETWORKS,
        default=[*NETWORKS],
        help="by default all",
    )
    parser.add_argument(
        "--frozen", action="store_true", help="without fine-tuning", default=False
    )


def measure(options: argparse.Namespace) -> Table:
    """Trains all on each set."""
    rows: list[list[Cell]] = []
    for one in SETS:
        if one.name in options.sets:
            rows += _rows(one, options.seed, frozen=options.frozen)
    return Table(
        "Boxes and masks on EfficientNet-Lite0 in the same time",
        ("data", "network", "seconds", "epochs", "test"),
        rows,
        [
            "One seed. Seconds are of whole processes, from their start to the saved "
            "model; the rivals have as many for building, compiling and training. "
            "Epochs are passes over the training images, of cnnxfer in all its phases.",
            "Images, views, augmentation, test and figures are the same for all; the "
            "rivals draw new views in each epoch. Their rates fall to 0 over the time "
            "as a cosine, and the backbone's BatchNormalization keeps its statistics.",
            "KerasHub's networks have the optimizers, rates, losses and batches of "
            "their guides, and the other one the rate of cnnxfer's fine-tuning; "
            "nothing was tuned for any of them.",
        ],
    )


def _rows(one: TaskSet, seed: str, *, frozen: bool) -> list[list[Cell]]:
    with TemporaryDirectory() as folder:
        data, place = one.prepare(Path(folder)), Workplace(Path(folder))
        ours = {FROZEN: place.run("train", str(data), "--seed", seed, *one.options)}
        if not frozen:
            run = str(ours[FROZEN].document["run"])
            ours[BOTH] = place.run("unfreeze", run)
        rows: list[list[Cell]] = []
        seconds, epochs = 0.0, 0
        for name, training in ours.items():
            run = str(training.document["run"])
            seconds += training.process.wall_seconds
            epochs += len(Run(Path(run)).history)
            tested: dict[str, Any] = place.run("evaluate", run).document
            figures = {key: tested[key]["value"] for key in one.figures.values()}
            rows.append(_row(one, name, seconds, epochs, figures))
        for name, network, rate in NETWORKS[one.name]:
            document = _train(run, network, rate, seconds)
            rows.append(_row(one, name, seconds, document["epochs"], document))
    return rows


def _train(run: str, network: str, rate: float, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.tasks.rival_training", run]
    command += ["--network", network, "--rate", str(rate)]
    finished = run_process([*command, "--seconds", str(seconds)])
    document: dict[str, Any] = json.loads(finished.output.splitlines()[-1])
    return document


def _row(
    one: TaskSet, name: str, seconds: float, epochs: float, found: dict[str, Any]
) -> list[Cell]:
    test = ", ".join(f"{what} {found[key]:.3f}" for what, key in one.figures.items())
    show(f"{one.name} {name}", seconds=seconds, epochs=epochs, test=test)
    return [one.name, name, round(seconds), f"{epochs:.1f}", test]
