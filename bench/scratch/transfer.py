"""Why one transfers: few photographs, from scratch and with ImageNet weights.

`cnnxfer train` in the same time, as whole processes with an empty cache: VGG with 11
layers and BatchNormalization from random weights, and a head on EfficientNet-Lite0.
The data are data/flowers12 of the shared folder: 720 and 240 pictures of 12 flowers.
"""

from __future__ import annotations

import argparse

from bench.lib.results import Table
from bench.lib.shared import shared_data
from bench.scratch.trainings import COLUMNS, train

SCRATCH = ("vgg11-bn", "--from-scratch", "--image-size", "64")
FROZEN = ("efficientnet-lite0",)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument(
        "--minutes",
        type=float,
        default=3,
        help="the time budget of both; by default 3",
    )
    parser.add_argument("--seed", default="0", help="by default 0")


def measure(options: argparse.Namespace) -> Table:
    """Trains both."""
    data = shared_data("flowers12")
    settings = ["--time-budget", f"{options.minutes}m", "--seed", options.seed]
    rows = []
    for what, (backbone, *way) in {
        "vgg11-bn from scratch, 64 pixels": SCRATCH,
        "efficientnet-lite0 frozen, 224 pixels": FROZEN,
    }.items():
        trained = train(data, "--backbone", backbone, *way, *settings)
        rows.append([what, *trained.cells()])
    return Table(
        "Twelve flowers: from scratch, or from ImageNet weights",
        ("trained", *COLUMNS),
        rows,
        [
            f"One seed. Each may train for {options.minutes:g} minutes, and may end "
            "earlier.",
        ],
    )
