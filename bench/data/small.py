"""How fast cnnxfer feeds a training with MNIST and CIFAR-10, beside Keras's layers.

Images a second at 32 pixels, in batches of 128, from the archives in the folder
`data/small` of the shared folder: what `training_batches` yields, and for validation
`central_batches`. The first epoch decodes; the later ones find what they need in
memory. Beside them, what Keras's guides do: all images in one array from the
beginning, shuffled by tf.data, then `RandomTranslation` and, where the level mirrors,
`RandomFlip`.

All run in one process and take turns. The seconds of the processor, of all threads,
show what a training leaves of it for the network.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any

import numpy as np

from bench.lib.options import add_rounds
from bench.lib.results import Table, show
from bench.lib.shared import shared_dir
from cnnxfer.config import PRESETS, Augment, Config
from cnnxfer.data.dataset import Example
from cnnxfer.data.preparing.index import build_index
from cnnxfer.keras_backend import import_keras_quietly
from cnnxfer.reporting import Reporter

SIZE, BATCH = 32, 128
SETS = (("mnist", "none"), ("mnist", "digits"), ("cifar10", "cifar"))
Epoch = Iterator[Any]  # of one epoch's batches


@dataclass(frozen=True)
class Rate:
    """Images that are fed, for each second and for each second of the processor."""

    wall: float
    processor: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_rounds(parser, 5)


def measure(options: argparse.Namespace) -> Table:
    """Feeds an epoch of each in turn; medians of the rounds."""
    import_keras_quietly()
    rows: list[list[str | float]] = [
        [f"{data}, {level}", *_measure_set(data, level, options.rounds)]
        for data, level in SETS
    ]
    return Table(
        "Feeding a training with small pictures, images a second at 32 pixels",
        (
            "",
            "first epoch",
            "later epochs",
            "later epochs, a second of the processor",
            "validation, later epochs",
            "Keras's layers on an array",
            "Keras's layers, a second of the processor",
        ),
        rows,
        [f"Medians of {options.rounds} round(s); the first epoch is one."],
    )


def _measure_set(data: str, level: str, rounds: int) -> list[float]:
    from cnnxfer.data.feeding.loader import Loader
    from cnnxfer.data.feeding.pixels import central_batches, training_batches
    from cnnxfer.data.views.views import central_views

    examples = _training_examples(data)
    config = Config(augment=PRESETS[level], central_crop=1.0)
    targets = np.zeros((len(examples), 10), np.float32)
    steps = len(examples) // BATCH
    training, validation = Loader(examples, SIZE), Loader(examples, SIZE)
    batches = iter(
        training_batches(
            training,
            lambda indices, views: targets[indices],
            config,
            lambda epoch: np.random.default_rng(epoch).permutation(len(examples)),
            batch_size=BATCH,
            steps_per_epoch=steps,
        )
    )
    central = central_batches(validation, central_views(config), batch_size=BATCH)
    pixels = np.concatenate(list(central.as_numpy_iterator()))
    in_keras = iter(_keras_batches(pixels, targets, config.augment))
    feeders: dict[str, Callable[[], Epoch]] = {
        "cnnxfer": lambda: islice(batches, steps),
        "validation": lambda: iter(central),
        "Keras": lambda: islice(in_keras, steps),
    }
    first = _rate(feeders["cnnxfer"](), f"{data}, {level}, first epoch")
    found: dict[str, list[Rate]] = {name: [] for name in feeders}
    for _ in range(rounds):
        for name, epoch in feeders.items():
            found[name].append(_rate(epoch(), f"{data}, {level}, {name}"))
    training.close()
    validation.close()
    later, again, keras = (
        [median(rate.wall for rate in rates), median(rate.processor for rate in rates)]
        for rates in found.values()
    )
    return [round(rate, -2) for rate in (first.wall, *later, again[0], *keras)]


def _training_examples(data: str) -> Sequence[Example]:
    from cnnxfer.data.sources.archive import load

    shared = shared_dir()
    if shared is None:
        raise SystemExit("this needs the shared folder: set CNNXFER_SHARED.")
    dataset = load(str(shared / "data" / "small" / f"{data}.zip"), Reporter())
    examples = [example for example in dataset.examples if example.split == "train"]
    return [row.example for row in build_index(examples, Reporter())]


def _keras_batches(pixels: np.ndarray, targets: np.ndarray, augment: Augment) -> Any:
    import keras
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices((pixels, targets))
    batches = batches.shuffle(len(pixels)).repeat().batch(BATCH)
    if augment.padding != "none":
        fill = {"fill_mode": augment.fill, "fill_value": augment.fill_value}
        layers = [
            keras.layers.RandomTranslation(augment.padding, augment.padding, **fill)
        ]
        if augment.flip:
            layers.append(keras.layers.RandomFlip("horizontal"))
        change = keras.Sequential(layers)
        batches = batches.map(
            lambda seen, labels: (change(seen, training=True), labels),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return batches.prefetch(tf.data.AUTOTUNE)


def _rate(epoch: Epoch, what: str) -> Rate:
    started, used = time.perf_counter(), time.process_time()
    fed = sum(
        len(batch[0]) if isinstance(batch, tuple) else len(batch) for batch in epoch
    )
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    rate = Rate(fed / seconds, fed / processor)
    show(what, wall=rate.wall, processor=rate.processor)
    return rate
