"""Times training steps in one way, for `train_step.py`, which starts it."""

from __future__ import annotations

import json
import sys
import time
from statistics import median
from typing import Any

import keras
import numpy as np

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.training.model import all_layers, backbone_of, build_classifier
from cnnxfer.training.precision import resolve_precision
from cnnxfer.training.twin.network import training_twin

BATCH_SIZE = 32
IMAGE_SIZE = 224
MOST_STEPS = 20
UNTIMED_STEPS = 2  # the first is compiled, the second still slower than others
FEWEST_STEPS = 3


def main() -> None:
    """Prints what was measured as JSON."""
    way = json.loads(sys.argv[1])
    precision = resolve_precision(way["precision"], None)
    model = build(way["backbone"], precision, way["twin"], way["batch_norm"])
    model.compile(
        keras.optimizers.SGD(1e-4, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=way["jit"] or "auto",
    )
    random = np.random.default_rng(0)
    shape = (BATCH_SIZE, IMAGE_SIZE, IMAGE_SIZE, 3)
    images = np.tile(random.integers(0, 256, shape, np.uint8), (MOST_STEPS, 1, 1, 1))
    clock = Clock(way["seconds"])
    labels = np.arange(len(images)) % 5
    model.fit(images, labels, BATCH_SIZE, callbacks=[clock], verbose=0, shuffle=False)
    steps, cpu = (
        np.diff(times)[UNTIMED_STEPS - 1 :].tolist()
        for times in (clock.ends, clock.cpu_ends)
    )
    print(
        json.dumps(
            {
                "precision": precision,
                "images_per_second": BATCH_SIZE / median(steps),
                "best": BATCH_SIZE / min(steps),
                "cpu_seconds": median(cpu),
                "steps": len(steps),
                "first_step_seconds": clock.ends[0] - clock.began,
            }
        )
    )


def build(name: str, precision: str, twin: bool, batch_norm: str) -> keras.Model:
    """Builds a classifier through which signals get, all of whose layers learn."""
    keras.utils.set_random_seed(0)
    model = build_classifier(
        BACKBONES.get(name),
        image_size=IMAGE_SIZE,
        num_classes=5,
        dropout=0.2,
        precision="float32" if twin else precision,
    )
    norms = [
        layer
        for layer in all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    backbone_of(model).trainable = True
    momentum = norms[0].momentum
    for norm in norms:
        norm.momentum = 0.0
    noise = np.random.default_rng(1).uniform(0, 255, (4, IMAGE_SIZE, IMAGE_SIZE, 3))
    model(noise.astype("float32"), training=True)
    for norm in norms:
        norm.momentum = momentum
        norm.trainable = batch_norm == "train"
    return training_twin(model, precision) if twin else model


class Clock(keras.callbacks.Callback):
    """Notes when each step ended, and stops after enough of them.

    Attributes:
        began: when training did, in seconds.
        ends: of the steps, in seconds.
        cpu_ends: the same in seconds of all cores together, which other work on the
            machine changes less.
    """

    def __init__(self, seconds: float) -> None:
        """Lets the steps take `seconds`, not counting the first ones."""
        super().__init__()
        self.seconds = seconds
        self.ends: list[float] = []
        self.cpu_ends: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts."""
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Waits for the loss, as JAX goes on while it is being computed."""
        float(logs["loss"])
        self.ends.append(time.perf_counter())
        self.cpu_ends.append(time.process_time())
        timed = self.ends[UNTIMED_STEPS - 1 :]
        if len(timed) > FEWEST_STEPS and timed[-1] - timed[0] > self.seconds:
            self.model.stop_training = True


if __name__ == "__main__":
    main()
