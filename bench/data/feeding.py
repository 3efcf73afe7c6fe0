"""How fast cnnxfer feeds a training with pictures, beside Keras and torch's manner.

Images a second at `--augment textbook` and 224 pixels, of 960 JPEGs of 500x375 and of
960 pictures of tf_flowers, against what `feeders.py` describes: Keras's
`image_dataset_from_directory` with random layers, and worker processes as those of
torch's `DataLoader`. All take turns, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.lib.options import add_rounds
from bench.lib.photographs import ORIGINALS, write_photographs
from bench.lib.processes import run_process
from bench.lib.results import Table, show
from cnnxfer.data.sources import list_dataset
from cnnxfer.reporting import Reporter

IMAGES = 960  # whole batches
FEEDERS = {
    "cnnxfer": "cnnxfer textbook",
    "Keras": "keras",
    "Keras, cache()": "keras-cached",
    "torch's manner": "torch",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_rounds(parser, 5)
    add_epochs(parser)


def add_epochs(parser: argparse.ArgumentParser) -> None:
    """Adds `--epochs`."""
    parser.add_argument(
        "--epochs", type=int, default=4, help="of each feeder, 2 or more; by default 4"
    )


def measure(options: argparse.Namespace) -> Table:
    """Feeds with both sets of pictures; medians of the rounds."""
    rows: dict[str, list[float]] = {name: [] for name in FEEDERS}
    with TemporaryDirectory() as name:
        folder = Path(name)
        for pictures in (
            write_photograph_folder(folder),
            _write_folder(folder / "flowers", _flower_files(folder / "originals")),
        ):
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in FEEDERS}
            for _ in range(options.rounds):
                for name, feeder in FEEDERS.items():
                    found[name].append(feed(feeder, pictures, options.epochs))
            for name, fed in found.items():
                rows[name] += [median(rates) for rates in zip(*fed, strict=True)]
    return Table(
        "Feeding a training with `--augment textbook`, images a second",
        (
            "",
            "500x375, first epoch",
            "500x375, later epochs",
            "tf_flowers, first epoch",
            "tf_flowers, later epochs",
        ),
        [[name, *rates] for name, rates in rows.items()],
        [f"Medians of {options.rounds} round(s) of {options.epochs} epochs."],
    )


def feed(feeder: str, folder: Path, epochs: int) -> tuple[float, float]:
    """Runs a feeder in a process of its own.

    Returns:
        Images a second of its first epoch, and the median of the others.
    """
    command = [sys.executable, "-m", "bench.data.feeders", feeder, str(folder)]
    found = json.loads(run_process([*command, "--epochs", str(epochs)]).output)
    first, *later = (found["images"] / seconds for seconds in found["seconds"])
    show(f"{feeder}, {folder.name}", first=first, later=median(later))
    return first, median(later)


def write_photograph_folder(folder: Path) -> Path:
    """Makes a folder of JPEGs of 500x375 pixels, in two classes."""
    originals = write_photographs(folder / "photographs", ORIGINALS)
    return _write_folder(folder / "500x375", originals)


def _flower_files(folder: Path) -> list[Path]:
    """Writes the first pictures of tf_flowers, as they are."""
    folder.mkdir()
    paths = []
    for number, example in enumerate(
        list_dataset("tf_flowers", Reporter()).examples[:IMAGES]
    ):
        paths.append(folder / f"{number:04d}.jpg")
        paths[-1].write_bytes(example.read())
    return paths


def _write_folder(folder: Path, originals: Sequence[Path]) -> Path:
    """Makes a folder of two classes, each of half of the images: copies, in turn."""
    for number, path in enumerate(islice(cycle(originals), IMAGES)):
        target = folder / "ab"[number % 2] / f"{number:04d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder
