"""What squeeze-and-excitation adds: the same network with and without it.

Both are trained by the recipe `configs/se_resnet20_cifar10.toml` for fewer epochs, on
data/small/cifar10.zip of the shared folder.
"""

from __future__ import annotations

import argparse

from bench.lib.options import add_seeds
from bench.lib.results import Cell, Table
from bench.lib.shared import shared_data
from bench.scratch.cifar10 import RECIPE
from bench.scratch.trainings import mean_and_range, train
from cnnxfer.backbones.catalog import BACKBONES

NETWORKS = ("resnet20", "se-resnet20")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_seeds(parser)
    parser.add_argument(
        "--epochs", type=int, default=8, metavar="N", help="by default 8"
    )


def measure(options: argparse.Namespace) -> Table:
    """Trains both networks with each seed; means and ranges."""
    data = shared_data("small/cifar10.zip")
    settings = ["--config", str(RECIPE), "--epochs", str(options.epochs)]
    rows: list[list[Cell]] = []
    for network in NETWORKS:
        found = [
            train(data, *settings, "--backbone", network, "--seed", str(seed))
            for seed in options.seeds
        ]
        rows.append(
            [
                network,
                BACKBONES.get(network).parameters,
                mean_and_range([trained.validation for trained in found]),
                mean_and_range([trained.test for trained in found]),
            ]
        )
    return Table(
        "Squeeze-and-excitation, a sample of CIFAR-10, from scratch",
        ("network", "parameters", "validation", "test"),
        rows,
        [f"{options.epochs} epochs, {len(options.seeds)} seeds, mean and range."],
    )
