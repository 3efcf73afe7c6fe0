"""How honest confidences are on test images, before and after temperature scaling.

Trains EfficientNet-Lite0 on ImageNet weights, on tf_flowers (its own split of 75/15/10)
and on flowers12 of the shared folder, with each seed. The temperature is fitted on the
validation images, as every training does. Test images are read once for each run.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import cnnxfer
from bench.lib.options import add_seeds
from bench.lib.results import Cell, Table, show
from bench.lib.shared import shared_data
from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.run_images import find_images
from cnnxfer.evaluation.answered import answers_to
from cnnxfer.reporting import SilentReporter
from cnnxfer.runs import Run
from cnnxfer.tasks.calibration import expected_calibration_error
from cnnxfer.tasks.catalog import decision_of
from cnnxfer.tasks.classification import BestClass

SETS = ("tf_flowers", "flowers12")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_seeds(parser)
    parser.add_argument(
        "--sets", nargs="+", choices=SETS, default=SETS, help="by default both"
    )
    parser.add_argument(
        "--tuned", action="store_true", help="after fine-tuning, too", default=False
    )


def measure(options: argparse.Namespace) -> Table:
    """Trains on each set with each seed, and measures confidences on test images."""
    rows: list[list[Cell]] = []
    with TemporaryDirectory() as folder:
        os.environ["CNNXFER_CACHE"] = str(Path(folder) / "cache")
        for name in options.sets:
            for seed in options.seeds:
                rows += _rows(name, seed, Path(folder), tuned=options.tuned)
    return Table(
        "Confidence on test images, by temperature scaling; EfficientNet-Lite0",
        (
            "data",
            "phase",
            "seed",
            "temperature",
            "images",
            "log loss before",
            "after",
            "calibration error before",
            "after",
        ),
        rows,
        [
            "The calibration error is the expected one of 15 bins, as a fraction: the "
            "mean distance between confidence and the share that is right. Of so few "
            "images it is above 0 for perfect confidences, too. A temperature of 1 "
            "means that none was fitted.",
        ],
    )


def _rows(name: str, seed: int, folder: Path, *, tuned: bool) -> list[list[Cell]]:
    silent = SilentReporter()
    run = cnnxfer.train(
        name if name == "tf_flowers" else shared_data(name),
        backbone="efficientnet-lite0",
        seed=seed,
        runs_dir=folder / "runs",
        reporter=silent,
    )
    rows: list[list[Cell]] = [[name, "frozen", seed, *_figures(run)]]
    if tuned:
        run = cnnxfer.unfreeze(run, reporter=silent)
        rows.append([name, "tuned", seed, *_figures(run)])
    return rows


def _figures(run: Run) -> list[Cell]:
    """Returns the temperature, and what it does for the test images of a run."""
    reporter = SilentReporter()
    images = find_images(run, run.config.data, reporter, retry="", parts=["test"])
    answered = answers_to(run, images.splits.test, reporter, ClassifierOptions())
    found = np.stack(list(answered.found))
    labels = np.array([example.labels[0] for example in answered.examples])
    decision = decision_of(run)
    assert isinstance(decision, BestClass)
    figures: list[list[float]] = []
    for probabilities in (found, decision.calibrated(found)):
        right = probabilities.argmax(axis=1) == labels
        shown = probabilities[np.arange(len(labels)), labels]
        sure = probabilities.max(axis=1)
        loss = -np.log(shown.clip(np.finfo(np.float32).tiny)).mean()
        figures.append([float(loss), expected_calibration_error(sure, right)])
    (loss, error), (loss_after, error_after) = figures
    temperature = run.temperature or 1.0
    show(str(run.path.name), temperature=temperature, loss=figures[0], after=figures[1])
    return [temperature, len(labels), loss, loss_after, error, error_after]
