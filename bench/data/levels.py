"""How fast cnnxfer feeds a training with pictures at each level of augmentation.

960 JPEGs of 500x375 at 224 pixels; the first epoch decodes, later ones find the decoded
pictures in memory.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.data.feeding import add_epochs, feed, write_photograph_folder
from bench.lib.options import add_rounds
from bench.lib.results import Table

LEVELS = ("none", "textbook", "light", "strong")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_rounds(parser, 5)
    add_epochs(parser)


def measure(options: argparse.Namespace) -> Table:
    """Feeds at all levels in turn; medians of the rounds."""
    with TemporaryDirectory() as folder:
        pictures = write_photograph_folder(Path(folder))
        found = [
            [feed(f"cnnxfer {level}", pictures, options.epochs) for level in LEVELS]
            for _ in range(options.rounds)
        ]
    by_level = zip(LEVELS, zip(*found, strict=True), strict=True)
    return Table(
        "Feeding a training by level of augmentation, images a second",
        ("level", "first epoch", "later epochs"),
        [
            [level, *(median(rates) for rates in zip(*fed, strict=True))]
            for level, fed in by_level
        ],
        [f"Medians of {options.rounds} round(s) of {options.epochs} epochs."],
    )
