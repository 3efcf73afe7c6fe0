"""What the connections from finer maps are worth to masks.

FCN-32s, FCN-16s, FCN-8s and the pyramid, each trained on the frozen backbone in a
process of its own, on the flowers' masks of the shared folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

from bench.lib.options import add_seeds
from bench.lib.results import Cell, Table, show
from bench.lib.trainings import Workplace
from bench.tasks.sets import SETS

HEADS = ("fcn32", "fcn16", "fcn8", "pyramid")
READS = ("32", "16, 32", "8, 16, 32", "8, 16, 32")
KEYS = ("miou", "pixel_accuracy")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_seeds(parser)


def measure(options: argparse.Namespace) -> Table:
    """Trains each head with each seed."""
    (flowers,) = (one for one in SETS if one.name == "flowers17")
    rows: list[list[Cell]] = []
    with TemporaryDirectory() as folder:
        data, place = flowers.prepare(Path(folder)), Workplace(Path(folder))
        for head, strides in zip(HEADS, READS, strict=True):
            found: list[dict[str, Any]] = []
            for seed in options.seeds:
                chosen = ("--head", head, "--seed", str(seed), *flowers.options)
                training = place.run("train", str(data), *chosen)
                run = str(training.document["run"])
                found.append(place.run("evaluate", run).document)
            figures = [mean(each[key]["value"] for each in found) for key in KEYS]
            show(head, miou=figures[0], pixel_accuracy=figures[1])
            rows.append([head, strides, *(f"{figure:.4f}" for figure in figures)])
    return Table(
        "Flowers' masks by what the head reads, EfficientNet-Lite0 frozen",
        ("head", "reads maps at strides", "mIoU", "pixel accuracy"),
        rows,
        [f"Test pictures, mean of {len(options.seeds)} seeds. Null is ignored."],
    )
