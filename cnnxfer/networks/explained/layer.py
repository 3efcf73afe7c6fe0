"""The layer whose maps explain answers, and the parts of a classifier around it."""

from __future__ import annotations

import keras

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS
from cnnxfer.errors import ConfigError
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.networks.cut import model_behind
from cnnxfer.networks.graph import boundaries
from cnnxfer.registry import did_you_mean
from cnnxfer.reporting import listed
from cnnxfer.spelling import option
from cnnxfer.tasks.task import MAPS

POOLING = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
SOFTMAX = (keras.layers.Softmax, keras.layers.Activation)


def layer_to_explain(network: keras.Model, entry: Backbone) -> str:
    """Returns the layer of a backbone at whose maps answers are explained best.

    It is the last one through which everything passes and that still has places,
    before any pooling behind it: pooled maps tell the same in fewer places. An entry
    names another one where that is wrong.

    Args:
        network: the backbone, with or without its ImageNet head.
        entry: its catalog entry.

    Raises:
        ConfigError: if no layer has several places, as in small pictures.
    """
    if entry.explained_layer:
        return entry.explained_layer
    for operation in reversed(_operations_with_places(network)):
        if not isinstance(operation, POOLING):
            return str(operation.name)
    raise ConfigError(
        f"no layer of {entry.name} has maps of several places with pictures of "
        f"{network.input_shape[1]} pixels, so nothing says where it looks. Train a run "
        f"with a larger {option('--image-size')}."
    )


def check_layer(network: keras.Model, name: str) -> None:
    """Checks that answers can be explained at the maps of a layer.

    Raises:
        ConfigError: if there is no such layer, or something passes it by, or its
            output has no places; the message names good layers.
    """
    operations = _operations_with_places(network)
    known = {each.name: each.output.shape[1] for each in operations}
    if name not in known:
        # The last one of each size is what people mostly want.
        good = {side: layer for layer, side in known.items()}
        raise ConfigError(
            f"{option('--layer')} is {name!r}, and no layer of that name has maps that "
            f"carry everything to the answer.{did_you_mean(name, known)} Good ones are "
            f"{listed(good.values())}."
        )


def part_before(classifier: keras.Model, entry: Backbone, layer: str) -> keras.Model:
    """Returns the part of a classifier that leads to the maps of a layer.

    Args:
        classifier: a model from `load_run_model` or `build_imagenet_classifier`.
        entry: the catalog entry of its backbone.
        layer: the name of any layer of the backbone that has maps.

    Returns:
        A model of pixels, float32 or uint8 `(batch, size, size, 3)` in [0, 255], to
        float32 maps `(batch, height, width, channels)`.
    """
    network = backbone_of(classifier)
    (maps,) = (each.output for each in network.operations if each.name == layer)
    pixels = keras.Input(classifier.input_shape[1:], dtype="float32", name="pixels")
    normalized = NORMALIZATIONS[entry.normalization](pixels)
    return keras.Model(pixels, keras.Model(network.input, maps)(normalized))


def part_behind(classifier: keras.Model, layer: str) -> keras.Model:
    """Returns the part of a classifier from the maps of a layer to its logits.

    Of a network that ends in a softmax, the logits are what the softmax takes: its
    gradients vanish where one class is almost certain.

    Args:
        classifier: as for `part_before`.
        layer: what `layer_to_explain` returns, or `check_layer` accepts.

    Returns:
        A model of maps `(batch, height, width, channels)` to logits
        `(batch, classes)`.
    """
    network = backbone_of(classifier)
    last = network.operations[-1]
    if classifier.layers[-1] is not network:
        return model_behind(classifier, MAPS if layer == last.name else layer)
    if isinstance(last, SOFTMAX):
        logits = last.input
    else:
        config = last.get_config() | {"activation": "linear", "name": "class_logits"}
        linear = type(last).from_config(config)
        logits = linear(last.input)
        linear.set_weights(last.get_weights())
    (maps,) = (each.output for each in network.operations if each.name == layer)
    return keras.Model(maps, logits, name="behind")


def _operations_with_places(network: keras.Model) -> list[keras.Operation]:
    """Returns the operations with maps through which everything passes, in order."""
    operations = network.operations
    carrying = {*boundaries(network), operations[-1].name}
    return [
        each
        for each in operations
        if each.name in carrying
        and len(each.output.shape) == 4
        and max(each.output.shape[1:3]) > 1
    ]
