"""Trainings from scratch, each in processes of its own, and what they came to."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from bench.lib.processes import run_process
from bench.lib.results import Cell, show
from bench.lib.shared import ROOT
from bench.lib.trainings import Workplace

CONFIGS = ROOT / "configs"
COLUMNS = (
    *("epochs", "seconds", "CPU seconds", "images a second", "validation", "test"),
)


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        seconds: of the whole process, from its start to the saved model.
        cpu_seconds: of all its threads together, which other work on the machine
            changes less.
        images: the number of training images.
        epoch_seconds: of each whole epoch, with its validation.
        validation: the accuracy of the epoch that is best on validation, a fraction.
        test: its accuracy on the test images, which are read once; a fraction.
    """

    seconds: float
    cpu_seconds: float
    images: int
    epoch_seconds: Sequence[float]
    validation: float
    test: float

    @property
    def images_per_second(self) -> float:
        """From the second epoch on, if there is one: the first builds the network."""
        later = self.epoch_seconds[1:] or self.epoch_seconds
        return self.images / mean(later) if later else 0.0

    def cells(self) -> list[Cell]:
        """Returns the cells of `COLUMNS`."""
        figures = (self.seconds, self.cpu_seconds, self.images_per_second)
        accuracies = (f"{part:.4f}" for part in (self.validation, self.test))
        return [len(self.epoch_seconds), *map(round, figures), *accuracies]


def train(data: Path, *options: str) -> Trained:
    """Runs `cnnxfer train` with an empty cache, then `cnnxfer evaluate`."""
    with TemporaryDirectory() as folder:
        place = Workplace(Path(folder))
        training = place.run("train", str(data), *options)
        run = Path(training.document["run"])
        tested = place.run("evaluate", str(run)).document
        with (run / "history.csv").open(newline="") as file:
            epoch_seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
        with (run / "split.csv").open(newline="") as file:
            parts = Counter(row["split"] for row in csv.DictReader(file))
    (metrics,) = training.document["metrics"].values()
    trained = Trained(
        training.process.wall_seconds,
        training.process.cpu_seconds,
        parts["train"],
        epoch_seconds,
        metrics["val_accuracy"],
        tested["top1"]["value"],
    )
    return _shown(" ".join(options), trained)


def train_by_keras(backbone: str, archive: Path, *options: str) -> Trained:
    """Runs the textbook's loop; see `keras_loop`."""
    command = ["-m", "bench.scratch.keras_loop", backbone, str(archive), *options]
    process = run_process([sys.executable, *command])
    found = json.loads(process.output.splitlines()[-1])
    trained = Trained(
        process.wall_seconds,
        process.cpu_seconds,
        found["images"],
        found["epoch_seconds"],
        found["val_accuracy"],
        found["test_accuracy"],
    )
    return _shown(f"the textbook's {backbone}", trained)


def _shown(what: str, trained: Trained) -> Trained:
    show(
        what,
        seconds=trained.seconds,
        cpu_seconds=trained.cpu_seconds,
        images_per_second=trained.images_per_second,
        validation=trained.validation,
        test=trained.test,
    )
    return trained


def mean_and_range(values: Sequence[float]) -> str:
    """Returns the mean of accuracies, and the lowest and the highest."""
    return f"{mean(values):.4f} ({min(values):.4f} to {max(values):.4f})"
