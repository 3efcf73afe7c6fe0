"""A network for pictures of 32 pixels from scratch, beside the textbook's loop.

In whole processes with an empty cache: `cnnxfer train` with the recipe
`configs/se_resnet20_cifar10.toml`, and the same network in the textbook's loop
(`keras_loop.py`), which is given the time that the recipe took. The data are
data/small/cifar10.zip of the shared folder: 20,153 and 5,032 pictures of CIFAR-10.
"""

from __future__ import annotations

import argparse

from bench.lib.results import Table
from bench.lib.shared import shared_data
from bench.scratch.trainings import (
    COLUMNS,
    CONFIGS,
    train,
    train_by_keras,
)

BACKBONE = "se-resnet20"
RECIPE = CONFIGS / "se_resnet20_cifar10.toml"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="by default those of the recipe"
    )
    parser.add_argument("--seed", default="0", help="by default 0")


def measure(options: argparse.Namespace) -> Table:
    """Trains by the recipe, then for as long in the textbook's loop."""
    data = shared_data("small/cifar10.zip")
    chosen = ["--epochs", str(options.epochs)] if options.epochs else []
    recipe = train(data, "--config", str(RECIPE), "--seed", options.seed, *chosen)
    textbook = train_by_keras(
        BACKBONE,
        data,
        *("--seconds", str(sum(recipe.epoch_seconds)), "--seed", options.seed),
    )
    return Table(
        "A sample of CIFAR-10, from scratch",
        ("trained by", *COLUMNS),
        [
            ["the recipe se_resnet20_cifar10", *recipe.cells()],
            ["the textbook's loop, as long", *textbook.cells()],
        ],
        [
            f"One seed. Both train {BACKBONE}, and keep the epoch that is best on "
            "validation.",
            "With all 50,000 training pictures, ResNet-20 has 0.9125 (He et al., 2015, "
            "https://arxiv.org/abs/1512.03385, table 6) and VGG16 with "
            "BatchNormalization 0.9264 (https://github.com/kuangliu/pytorch-cifar), "
            "after hundreds of epochs; the fastest published way to 0.94 takes 0.36 "
            "PFLOP (Jordan, 2024, https://arxiv.org/abs/2404.00498).",
        ],
    )
