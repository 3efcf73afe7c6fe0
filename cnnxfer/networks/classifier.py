"""Construction of classifiers: normalization, backbone, pooling and head."""

import math
from pathlib import Path

import keras
import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS, build_backbone
from cnnxfer.networks.maps import with_maps
from cnnxfer.networks.precision import precision_policy
from cnnxfer.tasks.catalog import IMAGENET_TASK
from cnnxfer.tasks.class_task import POOLED
from cnnxfer.tasks.task import ANSWER, Task

BACKBONE = "backbone"  # name of the layer that is the backbone
BATCH = 32


def build_classifier(
    backbone: Backbone,
    *,
    image_size: int,
    num_classes: int,
    dropout: float,
    task: Task = IMAGENET_TASK,
    head: str = "linear",
    precision: str = "float32",
    weights_path: Path | None = None,
) -> keras.Model:
    """Builds a classifier: a backbone with a new head.

    Args:
        backbone: the catalog entry of the backbone.
        image_size: side of the input images in pixels.
        num_classes: the number of logits.
        dropout: dropout rate before the head's first weights, in [0, 1).
        task: what the head answers.
        head: the kind of head; see `heads.class_head`.
        precision: what the backbone computes in, a key of `precision.POLICIES`.
            Normalization and head always compute in float32.
        weights_path: file of the backbone's weights; None for random weights.

    Returns:
        A model of pixels, float32 or uint8 `(batch, image_size, image_size, 3)` in
        [0, 255], to float32 logits `(batch, num_classes)`, or to what the task answers.

    Raises:
        ConfigError: if the backbone lacks a map that the head reads.
    """
    pixels = keras.Input((image_size, image_size, 3), dtype="float32", name="pixels")
    strides = task.strides(head)
    with precision_policy(precision):
        network = build_backbone(
            backbone, image_size=image_size, weights_path=weights_path
        )
        if strides:
            network = with_maps(network, strides)
        network.name = BACKBONE
        x = NORMALIZATIONS[backbone.normalization](pixels)
        x = network(x)
    if not strides:  # (batch, height, width, channels) -> (batch, channels)
        x = keras.layers.GlobalAveragePooling2D(name=POOLED, dtype="float32")(x)
    shapes = [tuple(tensor.shape[1:]) for tensor in keras.tree.flatten(x)]
    for layer in task.head_layers(head, shapes, num_classes, dropout, image_size):
        x = layer(x)
    return keras.Model(pixels, x, name="classifier")


def build_imagenet_classifier(
    backbone: Backbone, weights_path: Path | None
) -> keras.Model:
    """Builds a backbone with its own ImageNet head, at the backbone's image size.

    Returns:
        A model of pixels, float32 or uint8 `(batch, size, size, 3)` in [0, 255], to
        float32 probabilities `(batch, 1000)`.
    """
    size = backbone.image_size
    pixels = keras.Input((size, size, 3), dtype="float32", name="pixels")
    network = build_backbone(
        backbone, image_size=size, include_top=True, weights_path=weights_path
    )
    network.name = BACKBONE
    outputs = network(NORMALIZATIONS[backbone.normalization](pixels))
    return keras.Model(pixels, outputs, name="imagenet_classifier")


def backbone_of(model: keras.Model) -> keras.Model:
    """Returns the backbone inside a classifier."""
    return model.get_layer(BACKBONE)


def logits_of(classifier: keras.Model) -> keras.Model:
    """Returns the model of a classifier's pixels to the logits of its head.

    That is the classifier itself, unless a layer behind the head makes answers of them.
    """
    *_, last = classifier.layers
    if last.name != ANSWER:
        return classifier
    return keras.Model(classifier.input, last.input)


def answers_of(classifier: keras.Model, logits: np.ndarray) -> np.ndarray:
    """Returns what a classifier answers where its head gives these logits."""
    *_, last = classifier.layers
    if last.name != ANSWER:
        return logits
    batches = (logits[at : at + BATCH] for at in range(0, len(logits), BATCH))
    return np.concatenate(
        [keras.ops.convert_to_numpy(last(batch)) for batch in batches]
    )


def map_shapes(classifier: keras.Model) -> list[tuple[int, ...]]:
    """Returns the shapes of what the backbone of a classifier gives to the head."""
    outputs = backbone_of(classifier).outputs
    return [tuple(output.shape[1:]) for output in outputs]


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns a model's layers; models inside it are replaced by their layers."""
    return [
        inner
        for layer in model.layers
        for inner in (all_layers(layer) if hasattr(layer, "layers") else [layer])
    ]


def count_trainable_parameters(model: keras.Model) -> int:
    """Returns the number of a model's trainable parameters."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies all weights of one classifier to another that has the same layers."""
    target.set_weights(source.get_weights())
    apply_statistics(target)


def apply_statistics(model: keras.Model) -> None:
    """Lets a classifier compute with statistics of pixels that it was just given.

    A Normalization layer computes with a copy of its weights.
    """
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
