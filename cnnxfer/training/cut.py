"""The cut: what lies before it runs once an image and view, what lies behind learns.

A classifier may be cut at its pooled features, or inside its backbone wherever one
tensor alone carries everything on to the end. Both halves share the classifier's
layers: what is learned behind the cut is learned by the whole network.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.engines.engine import Network
from cnnxfer.registry import suggestion
from cnnxfer.training.model import BACKBONE, backbone_of

POOLED = "pool"  # the name of the classifier's pooling layer
FORMAT = 1  # raised when `before` gives other answers for the same weights


@dataclass(frozen=True)
class CutNetwork(Network):
    """What lies before a cut, for engines.

    Attributes:
        backbone: its name in the catalog.
        cut: `POOLED`, or one of `boundaries`.
    """

    backbone: str
    cut: str


def boundaries(backbone: keras.Model) -> list[str]:
    """Returns the names of the layers after which a backbone can be cut, in order.

    These are the layers on every path from the pixels to the features, without the
    last, whose output is what is pooled. Where Keras numbers layers to name them, the
    names hold for this model and what is saved of it, not for one built anew.
    """
    operations = backbone.operations
    position = {operation.output: i for i, operation in enumerate(operations)}
    last_reader = list(range(len(operations)))
    for reader, operation in enumerate(operations):
        for tensor in _inputs(operation):
            last_reader[position[tensor]] = reader
    names = []
    awaited = 0  # up to where something before is still read
    for i, operation in enumerate(operations[:-1]):
        if awaited <= i and not isinstance(operation, keras.layers.InputLayer):
            names.append(operation.name)
        awaited = max(awaited, last_reader[i])
    return names


def before(classifier: keras.Model, entry: Backbone, cut: str) -> keras.Model:
    """Returns what lies before the cut, normalization included.

    Args:
        classifier: from `build_classifier`, or loaded again. Its precision is that of
            the answer; its BatchNormalization layers follow whoever runs it, so run
            it for inference.
        entry: its backbone in the catalog.
        cut: `POOLED`, or one of `boundaries`.

    Returns:
        A model of pixels, float32 or uint8 `(batch, image_size, image_size, 3)` in
        [0, 255], to activations: `(batch, channels)` if pooled, else usually
        `(batch, height, width, channels)`.

    Raises:
        ConfigError: if the network cannot be cut there.
    """
    pixels = keras.Input(classifier.input_shape[1:], dtype="float32", name="pixels")
    x = NORMALIZATIONS[entry.normalization](pixels)
    x = _front(classifier, cut)(x)
    if cut == POOLED:
        x = classifier.get_layer(POOLED)(x)
    return keras.Model(pixels, x, name="before")


def behind(classifier: keras.Model, cut: str) -> keras.Model:
    """Returns what lies behind the cut; its layers are the classifier's own.

    So are their `trainable` flags: freeze BatchNormalization in the classifier.

    Args:
        classifier: from `build_classifier`, or loaded again.
        cut: `POOLED`, or one of `boundaries`.

    Returns:
        A model of activations, as `before` gives them, to float32 logits
        `(batch, num_classes)`.

    Raises:
        ConfigError: if the network cannot be cut there.
    """
    front = _front(classifier, cut)
    if cut == POOLED:
        last = POOLED
        x = activations = keras.Input(classifier.get_layer(POOLED).output.shape[1:])
    else:
        last = BACKBONE
        x = activations = keras.Input(front.output.shape[1:])
        x = keras.Model(front.output, backbone_of(classifier).output)(x)
    names = [layer.name for layer in classifier.layers]
    for layer in classifier.layers[names.index(last) + 1 :]:
        x = layer(x)
    return keras.Model(activations, x, name="behind")


def network_at(classifier: keras.Model, entry: Backbone, cut: str) -> CutNetwork:
    """Describes what lies before the cut to an engine; it is built when asked for.

    Args:
        classifier: one that computes in float32.
        entry: its backbone in the catalog.
        cut: `POOLED`, or one of `boundaries`.

    Raises:
        ConfigError: if the network cannot be cut there.
    """
    image_size = int(classifier.input_shape[1])
    front = _front(classifier, cut)
    # Names of layers depend on what was built before them in this process.
    depth = POOLED if cut == POOLED else len(front.operations)
    parts = (FORMAT, keras.__version__, entry.name, image_size, depth)
    digest = hashlib.sha256(repr(parts).encode())
    for weight in front.weights:
        values = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
        digest.update(f"{values.dtype} {values.shape}".encode())
        digest.update(values.data)
    return CutNetwork(
        key=digest.hexdigest(),
        image_size=image_size,
        build=functools.partial(before, classifier, entry, cut),
        outputs="features",
        backbone=entry.name,
        cut=cut,
    )


def _front(classifier: keras.Model, cut: str) -> keras.Model:
    """Returns the backbone up to the cut."""
    backbone = backbone_of(classifier)
    if cut == POOLED:
        return keras.Model(backbone.input, backbone.output)
    places = boundaries(backbone)
    if cut not in places:
        raise ConfigError(
            f"the network cannot be cut after {cut!r}.{suggestion(cut, places)}"
        )
    outputs = {operation.name: operation.output for operation in backbone.operations}
    return keras.Model(backbone.input, outputs[cut])


def _inputs(operation: Any) -> list[Any]:
    """Returns the tensors that an operation reads."""
    if isinstance(operation, keras.layers.InputLayer):
        return []
    inputs: list[Any] = keras.tree.flatten(operation.input)
    return inputs
