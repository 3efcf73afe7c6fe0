"""How good heads are on features in int8, beside those in bfloat16 or float32.

Each head is trained on features in one precision. The saved model computes in float32,
and is measured so on the test images. On a processor without VNNI and AMX, int8 is
emulated (see `emulated_int8`). Features of one view an image; two minutes a seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from bench.lib.options import add_backbones, add_seeds
from bench.lib.results import Cell, Table, show
from bench.lib.shared import shared_data
from bench.lib.trainings import Workplace
from cnnxfer.hardware.processor import find_processor

SPLITS = {"tf_flowers": "slices", "flowers12": "75/15/10"}  # of the data sets


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, "efficientnet-lite0")
    add_seeds(parser)
    parser.add_argument(
        "--data", nargs="+", choices=SPLITS, default=list(SPLITS), help="by default all"
    )


def measure(options: argparse.Namespace) -> Table:
    """Trains with each backbone, data set, seed and precision."""
    processor = find_processor()
    usual = "bfloat16" if processor.bfloat16 else "float32"
    rows: list[list[Cell]] = []
    with TemporaryDirectory() as folder:
        module = "cnnxfer" if processor.int8 else "bench.lib.emulated_int8"
        place = Workplace(Path(folder), module)
        for backbone in options.backbones:
            for data in options.data:
                spec = data if data == "tf_flowers" else str(shared_data(data))
                for precision in (usual, "int8"):
                    arguments = [
                        "--data",
                        spec,
                        "--split",
                        SPLITS[data],
                        "--views",
                        "1",
                    ]
                    arguments += ["--backbone", backbone, "--precision", precision]
                    found = [_train(place, arguments, seed) for seed in options.seeds]
                    row = [backbone, data, precision, *_cells(found)]
                    show(f"{row[:3]}", validation=row[4], test=row[6])
                    rows.append(row)
    how = (
        "" if processor.int8 else ", emulated: this processor has neither VNNI nor AMX"
    )
    return Table(
        "Accuracy of heads on features in int8",
        (
            *("backbone", "data", "features"),
            *("validation, each seed", "mean", "test in float32, each seed", "mean "),
        ),
        rows,
        [f"{len(options.seeds)} seed(s), ImageNet weights, one view; int8{how}."],
    )


def _train(place: Workplace, arguments: list[str], seed: int) -> tuple[float, float]:
    """Returns the accuracy on validation and test images."""
    document = place.run("train", *arguments, "--seed", str(seed)).document
    tested = place.run("evaluate", document["run"], "--precision", "float32").document
    return document["metrics"]["frozen"]["val_accuracy"], tested["top1"]["value"]


def _cells(found: list[tuple[float, float]]) -> list[Cell]:
    cells: list[Cell] = []
    for part in zip(*found, strict=True):
        cells += [", ".join(f"{value:.4f}" for value in part), mean(part)]
    return cells
