"""How fast a training step is, all layers learning, beside Keras's own.

Classifiers learn in `fit`, at batch 32 and 224 pixels, by SGD with momentum. The
textbook's way is what Keras does by default: float32, and BatchNormalization that
learns with the rest. cnnxfer's way freezes it and computes in what `--precision auto`
finds fastest.

Each runs in a process of its own, one after the other, and all of them again in the
next round, so that other work on the machine meets them alike. Weights are random, with
statistics of BatchNormalization that fit: speed does not depend on them, and without,
signals die away to numbers that are slow to compute with. Xception takes 7 GB.
"""

from __future__ import annotations

import argparse
import json
import sys
from statistics import median

from bench.lib.options import add_backbones, add_rounds
from bench.lib.processes import run_process
from bench.lib.results import Cell, Table, show

WAYS = ("textbook", "cnnxfer")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, "xception", "resnet50", "efficientnet-lite0")
    add_rounds(parser, 3)
    parser.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        help="of steps, at least three of them; by default 10",
    )


def measure(options: argparse.Namespace) -> Table:
    """Times both ways with each backbone; medians of the rounds."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(options.rounds):
        for backbone in options.backbones:
            for way in WAYS:
                figures = _time(backbone, way, options.seconds)
                found.setdefault((backbone, way), []).append(figures)
    rows: list[list[Cell]] = []
    for backbone in options.backbones:
        speeds, peaks = zip(
            *(map(median, zip(*found[backbone, way], strict=True)) for way in WAYS),
            strict=True,
        )
        rows.append([backbone, *speeds, speeds[1] / speeds[0], *peaks])
    return Table(
        "A training step, all layers learning, images a second",
        (
            "backbone",
            "textbook",
            "cnnxfer",
            "times faster",
            "textbook, peak GB",
            "cnnxfer, peak GB",
        ),
        rows,
        [f"Batch 32, 224 pixels; medians of {options.rounds} round(s)."],
    )


def _time(backbone: str, way: str, seconds: float) -> tuple[float, float]:
    """Returns images a second, and the peak of memory in GB."""
    command = [sys.executable, "-m", "bench.fine_tune.step_timer", backbone, way]
    finished = run_process([*command, str(seconds)])
    figures = json.loads(finished.output)
    show(f"{backbone}, {way}", **figures, peak_mb=finished.peak_mb)
    return figures["images_per_second"], finished.peak_mb / 1e3
