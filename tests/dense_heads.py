"""Heads of boxes and masks, small ones, and maps and targets for them."""

from collections.abc import Callable

import keras
import numpy as np

from cnnxfer.tasks.boxes.cells import Cells
from cnnxfer.tasks.boxes.detected_objects import DetectedObjects
from cnnxfer.tasks.boxes.detection_head import detection_head
from cnnxfer.tasks.boxes.detection_loss import DetectionLoss
from cnnxfer.tasks.boxes.localization_head import textbook_head, vote_head
from cnnxfer.tasks.boxes.localization_loss import LocalizationLoss
from cnnxfer.tasks.masks.segmentation_head import (
    fully_convolutional_head,
    pixel_logits,
    pyramid_head,
)
from cnnxfer.tasks.masks.segmentation_loss import SegmentationLoss

IMAGE_SIZE = 72  # not a multiple of 32: maps are not twice as large as the next
SHAPES = [(9, 9, 8), (5, 5, 12), (3, 3, 16)]
CELLS = Cells.of_maps(SHAPES, IMAGE_SIZE)
# How each head is built, the number of maps that it reads, and the shape of what it
# gives for one image of two classes.
HEADS: dict[str, tuple[Callable[..., keras.Model], int, tuple[int, ...]]] = {
    "vote": (vote_head, 1, (6,)),
    "textbook": (textbook_head, 1, (6,)),
    "detection": (detection_head, 3, (115, 6)),
    "pyramid": (pyramid_head, 3, (9, 9, 2)),
    "fcn8": (fully_convolutional_head, 3, (9, 9, 2)),
    "fcn32": (fully_convolutional_head, 1, (3, 3, 2)),
}
ANSWERS: dict[str, Callable[[], keras.layers.Layer]] = {
    "detection": lambda: DetectedObjects(CELLS.sides, IMAGE_SIZE, name="answer"),
    "pyramid": lambda: pixel_logits(IMAGE_SIZE),
    "fcn8": lambda: pixel_logits(IMAGE_SIZE),
    "fcn32": lambda: pixel_logits(IMAGE_SIZE),
}


def build(name: str) -> keras.Model:
    """Builds a head of random weights that are the same on every backend."""
    builder, count, _ = HEADS[name]
    model = builder(SHAPES[-count:], 2, 0.2, IMAGE_SIZE)
    random = np.random.default_rng(1)
    for weight in model.weights:  # zeros would hide what is read from where
        size = 0.1 if len(weight.shape) < 2 else np.prod(weight.shape[:-1]) ** -0.5
        weight.assign(random.normal(0, size, weight.shape))
    return model


def maps_for(head: keras.Model) -> list[np.ndarray]:
    """Returns random maps of two images."""
    random = np.random.default_rng(2)
    return [
        random.normal(size=(2, *each.shape[1:])).astype("float32")
        for each in head.inputs
    ]


def objective(name: str) -> tuple[object, np.ndarray]:
    """Returns the loss of a head, with its `accuracy`, and targets of two images."""
    if name in ("vote", "textbook"):
        targets = [[1, 0, 0.1, 0.2, 0.5, 0.9], [0, 1, 0.4, 0.0, 1.0, 0.8]]
        return LocalizationLoss(name == "textbook"), np.array(targets, np.float32)
    if name == "detection":
        rows = [[[0, 10, 10, 30, 40], [-2, 40, 0, 72, 72]], [[1, 5, 0, 70, 72]] * 2]
        targets = np.array(rows, np.float32)
        targets[1, 1] = -1
        return DetectionLoss(CELLS), targets
    labels = np.random.default_rng(3).integers(0, 2, (2, 24, 24), np.uint8)
    labels[:, :3] = 255
    return SegmentationLoss(np.array([1, 2], np.float32)), labels


def numbers(tensor: object) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(tensor))
