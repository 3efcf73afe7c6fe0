"""How good and how fast both phases are by recipe, beside the textbook's script.

From an empty cache to the tuned model, in whole processes, on ImageNet weights and
tf_flowers in slices: the textbook's script, and `cnnxfer train --recipe R --fine-tune`.
cnnxfer keeps the best epoch on validation, the script its last one. A seed of
EfficientNet-Lite0 takes about 45 minutes of the script, 25 of the recipe textbook, 5 of
fast and 10 of best; of MobileNet 0.25, 8, 5, 2 and 4. Writes up to 3 GB.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from bench.lib.options import add_backbones, add_seeds, add_textbook_epochs
from bench.lib.results import Cell, Table, show
from bench.lib.trainings import Training, Workplace, run_textbook

SCRIPT = "script"
WAYS = ("fast", "best", "textbook", SCRIPT)


@dataclass(frozen=True)
class Figures:
    """What one training came to; accuracies are fractions."""

    seconds: float
    frozen: float
    validation: float
    test: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, "efficientnet-lite0", "mobilenet-0.25")
    parser.add_argument(
        "--ways",
        nargs="+",
        choices=WAYS,
        default=WAYS,
        metavar="WAY",
        help=f"recipes, and the textbook's script: {', '.join(WAYS)}",
    )
    add_seeds(parser)
    add_textbook_epochs(parser)
    parser.add_argument(
        "--tune-epochs",
        type=int,
        default=10,
        metavar="N",
        help="of the textbook's fine-tuning; by default 10",
    )


def measure(options: argparse.Namespace) -> Table:
    """Trains each way; means and ranges over the seeds."""
    rows: list[list[Cell]] = []
    for backbone in options.backbones:
        for way in options.ways:
            found = [_train(backbone, way, seed, options) for seed in options.seeds]
            rows.append([backbone, _name(way), *_summary(found)])
    return Table(
        "Both phases, ImageNet weights, tf_flowers",
        (
            "backbone",
            "trained by",
            "seconds",
            "validation: frozen",
            "validation: tuned",
            "test",
            "validation and test",
        ),
        rows,
        [f"Means and ranges of {len(options.seeds)} seed(s)."],
    )


def _name(way: str) -> str:
    return "the textbook's script" if way == SCRIPT else f"--recipe {way}"


def _train(backbone: str, way: str, seed: int, options: argparse.Namespace) -> Figures:
    if way == SCRIPT:
        training = run_textbook(
            backbone,
            weights="imagenet",
            epochs=options.textbook_epochs,
            seed=seed,
            tune_epochs=options.tune_epochs,
        )
        figures = _of_script(training)
    else:
        with TemporaryDirectory() as folder:
            training = Workplace(Path(folder)).run(
                *("train", "--data", "tf_flowers", "--split", "slices"),
                *("--backbone", backbone, "--recipe", way, "--seed", str(seed)),
                "--fine-tune",
            )
        figures = _of_recipe(training)
    cpu_seconds = training.process.cpu_seconds
    show(f"{backbone}, {way}", seed=seed, cpu_seconds=cpu_seconds, **vars(figures))
    return figures


def _of_script(training: Training) -> Figures:
    frozen, tuned = (training.document[phase] for phase in ("frozen", "tuned"))
    return Figures(
        training.process.wall_seconds,
        frozen["val_accuracy"][-1],
        tuned["val_accuracy"][-1],
        tuned["test_accuracy"],
    )


def _of_recipe(training: Training) -> Figures:
    metrics = training.document["metrics"]
    return Figures(
        training.process.wall_seconds,
        metrics["before"]["val_accuracy"],
        metrics["validation"]["top1"]["value"],
        metrics["test"]["top1"]["value"],
    )


def _summary(found: Sequence[Figures]) -> list[Cell]:
    validation = [figures.validation for figures in found]
    test = [figures.test for figures in found]
    return [
        mean(figures.seconds for figures in found),
        mean(figures.frozen for figures in found),
        _mean_and_range(validation),
        _mean_and_range(test),
        (mean(validation) + mean(test)) / 2,
    ]


def _mean_and_range(accuracies: Sequence[float]) -> str:
    lowest, highest = min(accuracies), max(accuracies)
    return f"{mean(accuracies):.3f} ({lowest:.3f}-{highest:.3f})"
