"""Every format of export with every task: parity, size, time, memory and speed.

EfficientNet-Lite0 is trained for a few epochs on a set of each task. Rows are kept in a
folder of TMPDIR as they are measured, so that a second start goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.exporting.measuring import COLUMNS, NOTES, measure_exports
from bench.exporting.networks import add_formats
from bench.exporting.place import Place
from bench.lib.results import Table
from bench.tasks.sets import blood_cells, caltech, flowers, raccoon

EPOCHS = "3"
SETS: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "multi-label": (blood_cells, ("--task", "multi-label")),
    "localization": (caltech, ()),
    "detection": (raccoon, ()),
    "segmentation": (flowers, ("--ignore", "null")),
}
TASKS = ("classification", *SETS)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument(
        "--tasks", nargs="+", choices=TASKS, default=TASKS, help="by default all"
    )
    add_formats(parser)


def measure(options: argparse.Namespace) -> Table:
    """Trains on a set of each task, and exports the run in each format."""
    place = Place()
    rows = measure_exports(
        "tasks", options.tasks, options.formats, partial(_run, place), place
    )
    return Table(
        "Tasks in the formats of other runtimes, EfficientNet-Lite0 in float32",
        ("task", "format", *COLUMNS),
        rows,
        [
            *NOTES,
            f"Heads of {EPOCHS} epochs: classification on tf_flowers, multi-label on "
            "the kinds of cells in bccd, localization on caltech3, detection on "
            "raccoon, segmentation on flowers17. The largest difference is of a "
            "probability; in detection, where a row is a box, of its score or of an "
            "edge, in pixels.",
        ],
    )


def _run(place: Place, task: str) -> Path:
    if task == "classification":
        return place.flowers()
    prepare, options = SETS[task]
    return place.trained(task, prepare, "--epochs", EPOCHS, *options)
