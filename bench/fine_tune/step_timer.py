"""Times training steps in one way, for `step.py`, which starts it.

python -m bench.fine_tune.step_timer BACKBONE textbook|cnnxfer SECONDS
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median
from typing import Any

import keras
import numpy as np

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.networks.classifier import all_layers, backbone_of, build_classifier
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.networks.precision import resolve_precision

BATCH_SIZE = 32
IMAGE_SIZE = 224
MOST_STEPS = 20
UNTIMED_STEPS = 2  # the first is compiled, the second still slower than others
FEWEST_STEPS = 3


def main(backbone: str, way: str, seconds: float) -> None:
    """Prints what was measured as JSON."""
    model = build(backbone)
    precision = "float32"
    if way == "cnnxfer":
        precision = resolve_precision("auto", None)
        for norm in batch_norms(model):
            norm.trainable = False
        model = fused_network(model, precision)
    model.compile(
        keras.optimizers.SGD(1e-4, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    random = np.random.default_rng(0)
    shape = (BATCH_SIZE, IMAGE_SIZE, IMAGE_SIZE, 3)
    images = np.tile(random.integers(0, 256, shape, np.uint8), (MOST_STEPS, 1, 1, 1))
    clock = Clock(seconds)
    labels = np.arange(len(images)) % 5
    model.fit(images, labels, BATCH_SIZE, callbacks=[clock], verbose=0, shuffle=False)
    steps = np.diff(clock.ends)[UNTIMED_STEPS - 1 :].tolist()
    print(
        json.dumps(
            {
                "precision": precision,
                "images_per_second": BATCH_SIZE / median(steps),
                "best": BATCH_SIZE / min(steps),
                "steps": len(steps),
                "first_step_seconds": clock.ends[0] - clock.began,
            }
        )
    )


def build(name: str) -> keras.Model:
    """Builds a classifier through which signals get, all of whose layers learn."""
    keras.utils.set_random_seed(0)
    model = build_classifier(
        BACKBONES.get(name), image_size=IMAGE_SIZE, num_classes=5, dropout=0.2
    )
    backbone_of(model).trainable = True
    norms = batch_norms(model)
    momentum = norms[0].momentum
    for norm in norms:
        norm.momentum = 0.0
    noise = np.random.default_rng(1).uniform(0, 255, (4, IMAGE_SIZE, IMAGE_SIZE, 3))
    model(noise.astype("float32"), training=True)
    for norm in norms:
        norm.momentum = momentum
        norm.trainable = True
    return model


def batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Returns all layers that normalize batches."""
    return [
        layer
        for layer in all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


class Clock(keras.callbacks.Callback):
    """Notes when each step ended, and stops after enough of them.

    Attributes:
        began: when training did, in seconds.
        ends: of the steps, in seconds.
    """

    def __init__(self, seconds: float) -> None:
        """Lets the steps take `seconds`, not counting the first ones."""
        super().__init__()
        self.seconds = seconds
        self.ends: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts."""
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Notes the time."""
        self.ends.append(time.perf_counter())
        timed = self.ends[UNTIMED_STEPS - 1 :]
        if len(timed) > FEWEST_STEPS and timed[-1] - timed[0] > self.seconds:
            self.model.stop_training = True


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
