"""LeNet-5 on MNIST from scratch: how good and how fast, beside the textbook's loop.

In whole processes with an empty cache: `cnnxfer train` with the recipe
`configs/lenet5_mnist.toml`, a training for each seed, and the same network in the
textbook's loop (`keras_loop.py`). The data are data/small/mnist.zip of the shared
folder: the 60,000 and 10,000 digits of MNIST as PNGs of 28 pixels.
"""

from __future__ import annotations

import argparse

from bench.lib.options import add_seeds
from bench.lib.results import Table
from bench.lib.shared import shared_data
from bench.scratch.trainings import (
    COLUMNS,
    CONFIGS,
    train,
    train_by_keras,
)

RECIPE = CONFIGS / "lenet5_mnist.toml"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_seeds(parser)
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="by default those of the recipe"
    )
    parser.add_argument(
        "--textbook-epochs",
        type=int,
        default=10,
        metavar="N",
        help="of the textbook's loop, from which speed is taken; by default 10",
    )


def measure(options: argparse.Namespace) -> Table:
    """Trains with each seed, and in the textbook's loop with the first."""
    data = shared_data("small/mnist.zip")
    chosen = ["--epochs", str(options.epochs)] if options.epochs else []
    rows = []
    for seed in options.seeds:
        trained = train(data, "--config", str(RECIPE), "--seed", str(seed), *chosen)
        rows.append(["the recipe lenet5_mnist", seed, *trained.cells()])
    seed = options.seeds[0]
    textbook = train_by_keras(
        "lenet5",
        data,
        *("--epochs", str(options.textbook_epochs), "--seed", str(seed)),
    )
    rows.append(["the textbook's loop", seed, *textbook.cells()])
    return Table(
        "LeNet-5 on MNIST, from scratch",
        ("trained by", "seed", *COLUMNS),
        rows,
        [
            "Seconds are of the whole process, from its start to the saved model: the "
            "start of TensorFlow and reading 70,000 files, too. Images a second are "
            "those of training and validation, from the second epoch on.",
            "The paper has 0.9905 without and 0.992 with distorted training pictures "
            "(LeCun et al., 1998, section III, "
            "http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf).",
        ],
    )
