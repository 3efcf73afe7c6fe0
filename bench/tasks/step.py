"""What a training step of a detector is made of: the head, and the backbone's maps.

One process, a batch of 8 at 320 pixels: the maps by the engine that `cnnxfer train`
takes, once for each view; a step of the head on maps that are kept; a step with the
frozen backbone before it, as with `--no-cache`; and steps in which all layers learn, in
cnnxfer's way and in Keras's own, both with frozen BatchNormalization.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from bench.frozen.engines import CENTRAL, SAMPLES, write_examples
from bench.lib.options import add_rounds
from bench.lib.results import Cell, Table, show
from bench.lib.timing import drain, race
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.data.views.views import pixel_batches
from cnnxfer.engines.choice import choose_engine
from cnnxfer.networks.classifier import (
    all_layers,
    backbone_of,
    build_classifier,
    logits_of,
    map_shapes,
)
from cnnxfer.networks.cut import model_before, model_behind, network_before
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.networks.precision import resolve_precision
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.boxes.cells import Cells
from cnnxfer.tasks.boxes.detection import FRAME, ROWS, UNUSED, DetectionObjective
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.task import MAPS

BATCH_SIZE = 8
IMAGE_SIZE = 320
BATCHES = SAMPLES // BATCH_SIZE  # of a round
BACKBONE = BACKBONES.get("efficientnet-lite0")
BOX = (80, 60, 240, 280)  # of the object in each view


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_rounds(parser, 5)


def measure(options: argparse.Namespace) -> Table:
    """Times all parts in turn; medians of the rounds."""
    photographs = _photographs()
    pixels = photographs[:BATCH_SIZE]
    works = {
        "maps by the engine, once for each view": _engine(photographs),
        "step of the head on kept maps": _step(pixels, precision="auto", kept=True),
        "step with the frozen backbone": _step(pixels, precision="auto"),
        "step of all layers": _step(pixels, precision="auto", learns=True),
        "step of all layers, Keras": _step(pixels, learns=True),
    }
    for work in works.values():
        work()  # compiles
    laps = race(list(works.values()), images=SAMPLES, rounds=options.rounds)
    rows: list[list[Cell]] = []
    for name, speeds in zip(works, zip(*laps, strict=True), strict=True):
        milliseconds = 1000 / median(speeds)
        show(name, milliseconds=milliseconds)
        rows.append([name, round(milliseconds, 1)])
    return Table(
        "What a training step of a detector is made of, EfficientNet-Lite0",
        ("part", "milliseconds an image"),
        rows,
        [
            f"Batch {BATCH_SIZE}, {IMAGE_SIZE} pixels, photographs and ImageNet "
            f"weights; medians of {options.rounds} rounds.",
        ],
    )


def _photographs() -> np.ndarray:
    with TemporaryDirectory() as folder:
        examples = write_examples(Path(folder), SAMPLES)
        batches = pixel_batches(
            examples, [CENTRAL], image_size=IMAGE_SIZE, batch_size=SAMPLES
        )
        return next(batches)


def _engine(photographs: np.ndarray) -> Callable[[], object]:
    network = network_before(_classifier(), BACKBONE, MAPS)
    engine = choose_engine(
        network,
        engine="auto",
        precision="auto",
        samples=lambda: photographs,
        reporter=Reporter(),
    )
    show("engine", name=engine.name, precision=engine.precision)
    return lambda: drain(engine.run([photographs]))


def _step(
    pixels: np.ndarray, *, kept: bool = False, precision: str = "", learns: bool = False
) -> Callable[[], object]:
    classifier = _classifier()
    backbone = backbone_of(classifier)
    for layer in all_layers(backbone):
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = learns and not norm
    model, inputs = logits_of(classifier), pixels
    if kept:
        before = model_before(classifier, BACKBONE, MAPS)
        model, inputs = model_behind(classifier, MAPS), before.predict_on_batch(pixels)
    if precision:
        model = fused_network(model, resolve_precision(precision, None))
    sides = [height for height, _, _ in map_shapes(classifier)]
    objective = DetectionObjective(Cells(tuple(sides), IMAGE_SIZE), ("one",), rows=1)
    model.compile(keras.optimizers.AdamW(1e-4), loss=objective.loss)
    step = partial(model.train_on_batch, inputs, _targets())
    return lambda: drain(step() for _ in range(BATCHES))


def _classifier() -> Any:
    return build_classifier(
        BACKBONE,
        image_size=IMAGE_SIZE,
        num_classes=1,
        dropout=0.2,
        task=TASKS.get("detection"),
        head="pyramid",
        weights_path=ensure_weights(BACKBONE, include_top=False, reporter=Reporter()),
    )


def _targets() -> np.ndarray:
    targets = np.zeros((BATCH_SIZE, ROWS + 1, 5), np.float32)
    targets[..., 0] = UNUSED
    targets[:, 0] = (0, *BOX)
    targets[:, ROWS] = (FRAME, 0, 0, IMAGE_SIZE, IMAGE_SIZE)
    return targets
