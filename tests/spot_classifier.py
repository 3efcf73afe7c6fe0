"""A classifier whose answers and heat follow from where green and red are seen."""

import keras
import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.data.dataset import CLASSIFICATION
from cnnxfer.engines.engine import Network, Outputs
from cnnxfer.networks.classifier import BACKBONE
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.class_task import POOLED

SIZE = 32
CLASSES = ["green", "red"]
TASK = TASKS.get(CLASSIFICATION)
OUTPUTS = Outputs(TASK)
ENTRY = Backbone(
    name="spots",
    builder="",
    normalization="built_in",
    image_size=SIZE,
    min_size=8,
    parameters=0,
    top1=None,
    top5=None,
    paper="",
)


def spot_classifier() -> keras.Model:
    """Returns a network of 8x8 places that answers how much green and red there is."""
    pixels = keras.Input((SIZE, SIZE, 3))
    convolution = keras.layers.Conv2D(3, 4, 4, name="conv", activation="relu")
    network = keras.Model(
        pixels, keras.layers.MaxPooling2D(name="end")(convolution(pixels))
    )
    network.name = BACKBONE
    kernel = np.zeros((4, 4, 3, 3), np.float32)
    for channel, colours in enumerate([(-1, 1, -1), (1, -1, -1), (-1, -1, 1)]):
        kernel[..., channel] = np.array(colours) / 16 / 100
    convolution.set_weights([kernel, np.zeros(3, np.float32)])
    inputs = keras.Input((SIZE, SIZE, 3), name="pixels")
    pooled = keras.layers.GlobalAveragePooling2D(name=POOLED)(network(inputs))
    head = keras.layers.Dense(2, name="logits", use_bias=False)
    model = keras.Model(inputs, head(pooled))
    head.set_weights([np.array([[9, -3], [-3, 9], [1, 1]], np.float32)])
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
