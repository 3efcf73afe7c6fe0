"""The classifier: pixels, normalization, backbone, pooling, a head."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS, build_backbone
from cnnxfer.errors import DataError, RunError
from cnnxfer.files import atomic_path, format_bytes
from cnnxfer.networks.precision import precision_policy

BACKBONE = "backbone"
HEAD = "logits"
HIDDEN = "hidden"
HIDDEN_UNITS = 256
MODEL_LIMIT_BYTES = 4 << 30
ADMITTED = frozenset(
    [
        "__ellipsis__",
        "__keras_tensor__",
        "__slice__",
        "keras.DTypePolicy",
        "keras.Sequential",
        "keras.initializers.GlorotUniform",
        "keras.initializers.HeNormal",
        "keras.initializers.Ones",
        "keras.initializers.VarianceScaling",
        "keras.initializers.Zeros",
        "keras.layers.Activation",
        "keras.layers.Add",
        "keras.layers.AveragePooling2D",
        "keras.layers.BatchNormalization",
        "keras.layers.Concatenate",
        "keras.layers.Conv2D",
        "keras.layers.Cropping2D",
        "keras.layers.Dense",
        "keras.layers.DepthwiseConv2D",
        "keras.layers.Dropout",
        "keras.layers.GlobalAveragePooling2D",
        "keras.layers.InputLayer",
        "keras.layers.LayerNormalization",
        "keras.layers.MaxPooling2D",
        "keras.layers.Multiply",
        "keras.layers.Normalization",
        "keras.layers.ReLU",
        "keras.layers.Rescaling",
        "keras.layers.Reshape",
        "keras.layers.SeparableConv2D",
        "keras.layers.ZeroPadding2D",
        "keras.src.applications.convnext.LayerScale",
        "keras.src.applications.inception_resnet_v2.CustomScaleLayer",
        "keras.src.models.functional.Functional",
        "keras.src.ops.numpy.Add",
        "keras.src.ops.numpy.Flip",
        "keras.src.ops.numpy.GetItem",
        "keras.src.ops.numpy.Multiply",
    ]
)


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


def save_model(model: keras.Model, path: Path) -> None:
    """Writes a model to a `.keras` file, whole or not at all.

    Its training state (optimizer, loss) is left out.
    """
    with atomic_path(path) as temporary:
        keras.Model(model.input, model.output, name=model.name).save(temporary)


def load_model(path: Path) -> keras.Model:
    """Loads a `.keras` file that holds nothing but what our own networks are made of.

    A model file is a program. Besides Keras's own safe mode, every class that is not
    in `ADMITTED` is refused before anything is built.

    Raises:
        DataError: if the file is no such model.
        RunError: if it is absent.
    """
    if not path.is_file():
        raise RunError(f"{path} does not exist.")
    size_bytes = path.stat().st_size
    if size_bytes > MODEL_LIMIT_BYTES:
        raise DataError(
            f"{path} has {format_bytes(size_bytes)}; the limit for a model is "
            f"{format_bytes(MODEL_LIMIT_BYTES)}."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except Exception as error:  # zipfile and json raise many kinds for a wrong file
        raise _no_model(path, error) from error
    for name in class_names(config):
        if name not in ADMITTED:
            raise DataError(
                f"{path} asks for {name}, which no model of cnnxfer has. Only models "
                "that cnnxfer trained are loaded."
            )
    try:
        return keras.saving.load_model(path, safe_mode=True, compile=False)
    except Exception as error:  # as many kinds
        raise _no_model(path, error) from error


def class_names(config: Any) -> Iterator[str]:
    """Yields each class, `module.name`, that a model's config asks Keras for."""
    waiting = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            # Keras looks for the registered name first.
            for key in ("class_name", "registered_name"):
                if item.get(key):
                    module = item.get("module")
                    yield f"{module}.{item[key]}" if module else str(item[key])
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _no_model(path: Path, error: Exception) -> DataError:
    reason = (str(error).strip() or type(error).__name__).split("\n")[0]
    return DataError(f"{path} is not a whole Keras model file: {reason}")
