"""Makes a run like a trained one, whose network is another, with random weights.

    python -m bench.exporting.random_run TRAINED BACKBONE NAME

Random networks answer the same to every picture, or huge numbers, and tell little of
differences. So layers of normalization get the statistics of photographs, and the head
is scaled until its outputs are as far apart as those of a trained network.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from bench.lib.photographs import write_photographs
from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import override
from cnnxfer.keras_backend import import_keras_quietly
from cnnxfer.runs import Run, create_run

PHOTOGRAPHS = 32
SPREAD = 2.0  # standard deviation of each output over photographs


def make_run(trained: Run, backbone: Backbone, name: str) -> Run:
    """Returns a run beside the trained one, with its images and classes."""
    import_keras_quietly()
    import keras

    from cnnxfer.networks.classifier import build_classifier
    from cnnxfer.networks.saving import save_model

    keras.utils.set_random_seed(0)
    size = backbone.image_size
    model = build_classifier(
        backbone, image_size=size, num_classes=len(trained.class_names), dropout=0.0
    )
    settle(model, _photographs(size))
    run = create_run(trained.path.parent, name, name)
    run.write_classes(trained.class_names)
    run.write_split(trained.split)
    settings = {"backbone": backbone.name, "weights": "none", "image_size": size}
    run.write_config(override(trained.config, settings))
    save_model(model, run.model_path)
    run.update_receipt(status="done")
    return run


def settle(model: Any, pixels: np.ndarray) -> None:
    """Gives a classifier statistics and outputs that pictures can be told apart by."""
    import keras

    layers = list(model._flatten_layers(include_self=False))
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable, layer.momentum = True, 0.0
    model(pixels, training=True)
    outputs = np.asarray(model(pixels, training=False))
    head = next(one for one in layers[::-1] if isinstance(one, keras.layers.Dense))
    kernel, bias = head.get_weights()
    scale = SPREAD / outputs.std(axis=0)
    head.set_weights([kernel * scale, (bias - outputs.mean(axis=0)) * scale])


def _photographs(size: int) -> np.ndarray:
    with TemporaryDirectory() as folder:
        paths = write_photographs(Path(folder), PHOTOGRAPHS, (size, size))
        return np.stack([np.asarray(Image.open(path), np.float32) for path in paths])


if __name__ == "__main__":
    make_run(Run(Path(sys.argv[1])), BACKBONES.get(sys.argv[2]), sys.argv[3])
