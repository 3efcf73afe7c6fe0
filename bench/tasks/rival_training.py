"""Trains another network on a run's images for a time, and measures it as the run is.

    python -m bench.tasks.rival_training RUN --network retinanet --rate 0.001 \
        --seconds 300

The last line that it prints is JSON: the figures of a part of the run's images, and the
number of epochs. Views are those of the run, new ones in each epoch. The learning rate
falls to 0 as a cosine. The time to build and to compile the network counts, too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from bench.tasks.rival_networks import RIVALS, Rival
from cnnxfer.data.views.views import pixel_batches, training_views
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.dense_task import place_of
from cnnxfer.training.setup import Setup
from cnnxfer.training.start import find_weights_file, set_up


class UntilThen(keras.callbacks.Callback):
    """Lowers the learning rate as a cosine, and stops at a time.

    Args:
        rate: the highest learning rate.
        end: when training ends, as `time.monotonic` counts.
    """

    def __init__(self, rate: float, end: float) -> None:
        super().__init__()
        self.rate, self.start, self.end = rate, time.monotonic(), end
        self.steps = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Sets the rate."""
        passed = min((time.monotonic() - self.start) / (self.end - self.start), 1.0)
        rate = self.rate * (1 + math.cos(math.pi * passed)) / 2
        self.model.optimizer.learning_rate = rate

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stops at the end."""
        self.steps += 1
        self.model.stop_training = time.monotonic() >= self.end


def batches(setup: Setup, rival: Rival) -> Iterator[tuple[np.ndarray, Any]]:
    """Yields endless batches of new views, in a new order in each epoch."""
    examples, size = setup.splits.train, rival.batch_size
    for epoch in count():
        views = training_views(setup.config, epoch)
        order = np.random.default_rng((setup.config.seed, epoch))
        drawn = [examples[index] for index in order.permutation(len(examples))]
        pixels = pixel_batches(
            drawn, [views], image_size=setup.image_size, batch_size=size
        )
        for start, batch in zip(range(0, len(drawn), size), pixels, strict=True):
            if len(batch) == size:
                yield batch, rival.targets(drawn[start : start + size], views)


def dataset(setup: Setup, rival: Rival) -> tf.data.Dataset:
    """Returns the same, as KerasHub takes them."""
    signature = keras.tree.map_structure(
        lambda values: tf.TensorSpec(values.shape, values.dtype),
        next(batches(setup, rival)),
    )
    return tf.data.Dataset.from_generator(
        lambda: batches(setup, rival), output_signature=signature
    ).prefetch(1)


def figures(setup: Setup, rival: Rival, part: str) -> dict[str, float]:
    """Returns the figures of a part, as `cnnxfer evaluate` has them."""
    examples = getattr(setup.splits, part)
    pixels = pixel_batches(
        examples,
        [setup.central_views],
        image_size=setup.image_size,
        batch_size=rival.batch_size,
    )
    answers = np.concatenate([rival.found(batch) for batch in pixels])
    found = [
        setup.task.combined(
            answer[None],
            [place_of(example, setup.central_views, setup.image_size)],
            example.annotation.width,
            example.annotation.height,
        )
        for answer, example in zip(answers, examples, strict=True)
    ]
    decision = setup.task.decision(setup.class_names, {})
    measured, _ = decision.measure(setup.class_names, found, examples)
    keys = ("ap50", "ap", "miou", "pixel_accuracy")
    return {key: getattr(measured, key).value for key in keys if hasattr(measured, key)}


def main() -> None:
    """Trains as the options say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--network", choices=RIVALS, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    run = Run(options.run)
    keras.utils.set_random_seed(run.config.seed)
    setup, _ = set_up(run, run.config, "float32", Reporter(), retry="")
    weights = find_weights_file(run.config, Reporter())
    rival = RIVALS[options.network](setup, options.rate, weights)
    clock = UntilThen(options.rate, end)
    rival.network.fit(
        dataset(setup, rival), steps_per_epoch=10**6, callbacks=[clock], verbose=0
    )
    document = figures(setup, rival, options.part)
    images = clock.steps * rival.batch_size
    document |= {"epochs": images / len(setup.splits.train)}
    print(json.dumps(document))


if __name__ == "__main__":
    main()
