"""How fast a training step from random weights is, beside Keras's own.

All layers learn, BatchNormalization with them, by SGD with momentum on batches that are
in memory. Both ways call `train_on_batch`: the textbook's of the plain network in
float32, cnnxfer's of its copy that trains faster, in what `--precision auto` finds
fastest. They take turns, so that other work on the machine meets both alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median

import keras
import numpy as np

from bench.lib.options import add_rounds
from bench.lib.results import Cell, Table, show
from bench.lib.timing import race
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Phase
from cnnxfer.networks.classifier import backbone_of, build_classifier
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.networks.precision import resolve_precision
from cnnxfer.training.optimization.optimizers import build_optimizer

# Network, pixels of a side, and images of a batch.
CASES = (
    ("lenet5", 32, 32),
    ("lenet5", 32, 128),
    ("depth-pooling", 32, 128),
    ("resnet20", 32, 128),
    ("se-resnet20", 32, 128),
    ("vgg11-bn", 32, 128),
    ("resnet18", 32, 128),
    ("se-resnet18", 64, 32),
    ("alexnet", 227, 16),
    ("googlenet", 224, 8),
    ("googlenet-bn", 224, 8),
    ("vgg11-bn", 224, 8),
    ("resnet18", 224, 8),
    ("resnet34", 224, 8),
    ("se-resnet18", 224, 8),
)
CLASSES = 10
MOMENTUM = 0.9


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_rounds(parser, 5)
    parser.add_argument(
        "--networks", nargs="+", metavar="NAME", help="of the cases; by default all"
    )


def measure(options: argparse.Namespace) -> Table:
    """Times both ways with each network; medians of the rounds."""
    precision = resolve_precision("auto", None)
    rows: list[list[Cell]] = []
    for name, size, batch_size in CASES:
        if options.networks and name not in options.networks:
            continue
        steps = [_step(name, size, batch_size, way) for way in (None, precision)]
        for step in steps:
            step()  # the first is compiled, and the second still slower than others
            step()
        speeds = race(steps, images=batch_size, rounds=options.rounds)
        textbook, ours = (median(column) for column in zip(*speeds, strict=True))
        ratio = median(mine / other for other, mine in speeds)
        show(name, size=size, textbook=textbook, cnnxfer=ours, ratio=ratio)
        rows.append([name, size, batch_size, textbook, ours, ratio])
        keras.utils.clear_session()
    return Table(
        "A training step from random weights, images a second",
        ("network", "pixels", "batch", "textbook", "cnnxfer", "times faster"),
        rows,
        [
            f"Medians of {options.rounds} rounds, of the ratios within each round too. "
            f"cnnxfer computed in {precision}, the textbook in float32."
        ],
    )


def _step(
    name: str, size: int, batch_size: int, precision: str | None
) -> Callable[[], object]:
    """Returns a step of the plain network, or of its copy in a precision."""
    keras.utils.set_random_seed(0)
    model = build_classifier(
        BACKBONES.get(name), image_size=size, num_classes=CLASSES, dropout=0.0
    )
    backbone_of(model).trainable = True
    if precision is None:
        optimizer = keras.optimizers.SGD(1e-4, momentum=MOMENTUM, nesterov=True)
    else:
        model = fused_network(model, precision)
        settings = Phase(
            optimizer="sgd", momentum=MOMENTUM, nesterov=True, weight_decay=0.0
        )
        optimizer = build_optimizer(settings, model.trainable_variables)
        optimizer.learning_rate = 1e-4
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    shape = (batch_size, size, size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    labels = np.arange(batch_size) % CLASSES
    return lambda: model.train_on_batch(images, labels, return_dict=True)
