"""The classifier: pixels, normalization, backbone, pooling, a head."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS, build_backbone
from cnnxfer.networks.precision import precision_policy

BACKBONE = "backbone"
HEAD = "logits"
HIDDEN = "hidden"
HIDDEN_UNITS = 256


def build_classifier(
    backbone: Backbone,
    *,
    image_size: int,
    num_classes: int,
    dropout: float,
    head: str = "linear",
    precision: str = "float32",
    weights_path: Path | None = None,
) -> keras.Model:
    """Builds a backbone with a new head, `linear` or `mlp`.

    Normalization and head compute in float32 whatever the precision.

    Returns:
        A model of pixels, float32 or uint8 `(batch, image_size, image_size, 3)` in
        [0, 255], to float32 logits `(batch, num_classes)`.
    """
    pixels = keras.Input((image_size, image_size, 3), dtype="float32", name="pixels")
    with precision_policy(precision):
        network = build_backbone(
            backbone, image_size=image_size, weights_path=weights_path
        )
        network.name = BACKBONE
        x = NORMALIZATIONS[backbone.normalization](pixels)
        x = network(x)
    # (batch, height, width, channels) -> (batch, channels)
    x = keras.layers.GlobalAveragePooling2D(name="pool", dtype="float32")(x)
    for layer in head_layers(head, num_classes, dropout):
        x = layer(x)
    return keras.Model(pixels, x, name="classifier")


def head_layers(
    head: str, num_classes: int, dropout: float, seed: int | None = None
) -> list[keras.layers.Layer]:
    """Returns new layers that turn pooled features into logits, both float32.

    Args:
        head: `linear`, or `mlp` with a hidden layer in between.
        num_classes: how many logits.
        dropout: rate in front of the first weights.
        seed: of first weights and dropout; None draws from Python's own random.
    """

    def dense(units: int, name: str, activation: str | None = None) -> Any:
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            name=name,
            dtype="float32",
        )

    drop = keras.layers.Dropout(dropout, seed=seed, name="dropout", dtype="float32")
    hidden = [dense(HIDDEN_UNITS, HIDDEN, "relu")] if head == "mlp" else []
    return [drop, *hidden, dense(num_classes, HEAD)]


def build_imagenet_classifier(
    backbone: Backbone, weights_path: Path | None
) -> keras.Model:
    """Builds a backbone with its own head, at its own size.

    Returns:
        A model of pixels in [0, 255] to probabilities `(batch, 1000)`.
    """
    size = backbone.image_size
    pixels = keras.Input((size, size, 3), dtype="float32", name="pixels")
    network = build_backbone(
        backbone, image_size=size, include_top=True, weights_path=weights_path
    )
    outputs = network(NORMALIZATIONS[backbone.normalization](pixels))
    return keras.Model(pixels, outputs, name="imagenet_classifier")


def backbone_of(model: keras.Model) -> keras.Model:
    """Returns the backbone inside a classifier."""
    return model.get_layer(BACKBONE)


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns a classifier's layers, those of its backbone in place of it."""
    return [
        inner
        for layer in model.layers
        for inner in (layer.layers if layer.name == BACKBONE else [layer])
    ]


def learning_parameters(model: keras.Model) -> int:
    """Returns how many numbers training may change."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Gives a classifier the weights of another of the same layers."""
    target.set_weights(source.get_weights())
    for layer in all_layers(target):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with a copy of its weights
