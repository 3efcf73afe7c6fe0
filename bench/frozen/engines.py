"""Networks and engines as `cnnxfer train` sets them up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from bench.lib.photographs import write_photographs
from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.weights import find_weights
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.views.views import CentralViews, pixel_batches
from cnnxfer.engines.choice import choose_engine
from cnnxfer.engines.engine import Engine
from cnnxfer.files import file_hash
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.networks.cut import CutNetwork
from cnnxfer.reporting import Reporter

IMAGE_SIZE = 224
CENTRAL = CentralViews(0.875)
SAMPLES = 32


def build(backbone: Backbone) -> keras.Model:
    """Builds a classifier of five classes at 224 pixels, in float32.

    Its backbone has ImageNet weights if this machine has them, else random ones.
    """
    return build_classifier(
        backbone,
        image_size=IMAGE_SIZE,
        num_classes=5,
        head="linear",
        dropout=0.0,
        weights_path=find_weights(backbone, include_top=False),
    )


def write_examples(folder: Path, number: int) -> list[Example]:
    """Writes at most `number` JPEGs of 500x375 pixels; see `write_photographs`."""
    return [
        Example(path.name, Labels((0,)), None, path, sha256=file_hash(path))
        for path in write_photographs(folder, number)
    ]


def choose(
    network: CutNetwork, examples: Sequence[Example], precision: str = "auto"
) -> Engine:
    """Returns the engine that passes its check on some of the images."""
    return choose_engine(
        network,
        engine="auto",
        precision=precision,
        samples=lambda: next(central_batches(examples[:SAMPLES], SAMPLES)),
        reporter=Reporter(),
    )


def central_batches(
    examples: Sequence[Example], batch_size: int
) -> Iterator[np.ndarray]:
    """Yields central views of images, uint8 `(batch, 224, 224, 3)`."""
    return pixel_batches(
        examples, [CENTRAL], image_size=IMAGE_SIZE, batch_size=batch_size
    )
