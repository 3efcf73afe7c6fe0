"""A classifier whose answers and heat follow from where colours are seen."""

import keras
import numpy as np

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.data.dataset import CLASSIFICATION
from cnnxfer.engines.engine import Network, Outputs
from cnnxfer.networks.classifier import BACKBONE
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.class_task import POOLED

SIZE = 32
CLASSES = ["blue", "green", "red"]
BLUE, GREEN, RED = range(3)
TASK = TASKS.get(CLASSIFICATION)
OUTPUTS = Outputs(TASK)
ENTRY = BACKBONES.get("mobilenet-0.25")  # for its normalization


def spot_classifier() -> keras.Model:
    """Returns a network of 8x8 places, each of which sees how colourful 4x4 pixels are.

    Its logits grow with the share of the places that are of a colour.
    """
    normalized = keras.Input((SIZE, SIZE, 3))
    convolution = keras.layers.Conv2D(3, 4, 4, name="conv", activation="relu")
    last = keras.layers.MaxPooling2D(name="end")(convolution(normalized))
    network = keras.Model(normalized, last, name=BACKBONE)
    colours = 2 * np.eye(3, dtype=np.float32)[::-1] - 1  # that of a class less the rest
    kernel = np.broadcast_to(colours.T / 16, (4, 4, 3, 3))
    convolution.set_weights([kernel, np.full(3, -1, np.float32)])
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = network(keras.layers.Rescaling(1 / 127.5, -1.0)(pixels))
    x = keras.layers.GlobalAveragePooling2D(name=POOLED)(x)
    head = keras.layers.Dense(3, name="logits", use_bias=False)
    model = keras.Model(pixels, head(x))
    head.set_weights([12 * np.eye(3, dtype=np.float32) - 4])
    return model


def spots(green: tuple[int, int], red: tuple[int, int]) -> np.ndarray:
    """Returns a grey view with a green and a red square at places of an 8x8 grid."""
    view = np.full((SIZE, SIZE, 3), 60, np.uint8)
    for (column, row), colour in ((green, (0, 250, 0)), (red, (250, 0, 0))):
        view[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = colour
    return view


def spot_model() -> ModelSource:
    """Returns that classifier as a model that answers, as `find_model` does."""
    return ModelSource(
        name="spots",
        place="spots",
        backbone=ENTRY,
        classes=[(name, name) for name in CLASSES],
        fraction=1.0,
        fit="crop",
        network=lambda reporter: Network("0" * 64, SIZE, spot_classifier, OUTPUTS),
        task=TASK,
        decision=TASK.decision(CLASSES, {}),
    )
