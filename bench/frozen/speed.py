"""How long a whole training of a head takes, beside the textbook's script.

Each round, on random weights and tf_flowers at 224 pixels: the textbook's script, then
`cnnxfer train` with an empty cache, then a new run at another learning rate with the
cache that the first one left. All are whole processes, with their start and end.
Xception takes 18 minutes, ResNet50 15, most of it the textbook's.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.lib.options import add_backbones, add_rounds, add_textbook_epochs
from bench.lib.results import Cell, Table, show
from bench.lib.trainings import Workplace, run_textbook


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, "xception", "resnet50")
    add_textbook_epochs(parser)
    add_rounds(parser, 1)


def measure(options: argparse.Namespace) -> Table:
    """Times each backbone; medians of the rounds."""
    rows: list[list[Cell]] = []
    for backbone in options.backbones:
        laps = [
            _lap(backbone, options.textbook_epochs, seed)
            for seed in range(options.rounds)
        ]
        textbook, first, again = (median(lap) for lap in zip(*laps, strict=True))
        rows.append(
            [backbone, textbook, first, textbook / first, again, textbook / again]
        )
    return Table(
        "A whole training of a head, random weights, tf_flowers",
        (
            "backbone",
            "textbook, s",
            "first run, s",
            "first run, times faster",
            "the same pictures again, another learning rate, s",
            "again, times faster",
        ),
        rows,
        [
            f"Seconds of the whole processes, medians of {options.rounds} round(s); "
            f"the textbook's {options.textbook_epochs} epochs."
        ],
    )


def _lap(backbone: str, epochs: int, seed: int) -> tuple[float, float, float]:
    """Returns seconds: of the textbook, of the first run, of the next one."""
    textbook = run_textbook(backbone, weights="none", epochs=epochs, seed=seed)
    options = ["--data", "tf_flowers", "--backbone", backbone, "--weights", "none"]
    options += ["--image-size", "224", "--seed", str(seed)]
    with TemporaryDirectory() as folder:
        place = Workplace(Path(folder))
        first = place.run("train", *options)
        again = place.run("train", *options, "--lr", "0.002")
    trainings = {"textbook": textbook, "first run": first, "again": again}
    for what, training in trainings.items():
        process = training.process
        show(
            f"{backbone}, {what}",
            seconds=process.wall_seconds,
            cpu_seconds=process.cpu_seconds,
            peak_mb=process.peak_mb,
        )
    return (
        textbook.process.wall_seconds,
        first.process.wall_seconds,
        again.process.wall_seconds,
    )
