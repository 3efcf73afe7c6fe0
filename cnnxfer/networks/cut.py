"""The cut: what lies before it runs once an image and view, what lies behind learns.

A classifier may be cut at its pooled features, or inside its backbone wherever one
tensor alone carries everything on to the end. Both halves share the classifier's
layers: what is learned behind the cut is learned by the whole network.
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS
from cnnxfer.engines.engine import Network
from cnnxfer.errors import ConfigError
from cnnxfer.networks.classifier import BACKBONE, backbone_of
from cnnxfer.registry import suggestion

POOLED = "pool"  # the name of the classifier's pooling layer
# A place with at most half the activations is preferred to one nearer to what learns,
# if no more than this share of the network's arithmetic is done in every step for it.
DETOUR = 0.05
LEAST = 0.1  # of the arithmetic; what saves less is not worth keeping
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
    last, whose output is what is pooled.
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


def cut_before(backbone: keras.Model, start: int) -> str | None:
    """Returns where to cut a network whose layers learn from some position on.

    That is the last place before them, or one shortly before it where activations are
    much smaller: inside a block they are up to six times as large as between two.

    Args:
        backbone: the network; all before `start` is frozen.
        start: position of the first layer that learns, in `backbone.operations`.

    Returns:
        One of `boundaries`; None if hardly anything lies before it.
    """
    work = multiply_adds(backbone)
    total = sum(work)
    names = [operation.name for operation in backbone.operations]
    places = [i for i in map(names.index, boundaries(backbone)) if i < start]
    if not places:
        return None
    # The last of those that are alike: what is done once is done.
    behind = {i: sum(work[i + 1 : start]) for i in reversed(places)}
    sizes = {i: math.prod(_shape(backbone, i)) for i in behind}
    least = behind[places[-1]]
    place = min((i for i in behind if behind[i] == least), key=sizes.__getitem__)
    near = (i for i in behind if behind[i] <= DETOUR * total)
    smallest = min(near, key=sizes.__getitem__, default=place)
    if 2 * sizes[smallest] <= sizes[place]:
        place = smallest
    return names[place] if sum(work[: place + 1]) >= LEAST * total else None


def activation_shape(backbone: keras.Model, cut: str) -> tuple[int, ...]:
    """Returns the shape of one image's activations at one of `boundaries`."""
    names = [operation.name for operation in backbone.operations]
    return _shape(backbone, names.index(cut))


def _shape(backbone: keras.Model, position: int) -> tuple[int, ...]:
    return tuple(backbone.operations[position].output.shape[1:])


def multiply_adds(backbone: keras.Model) -> list[int]:
    """Returns how often each operation multiplies and adds for one image.

    Every number of a kernel is used once at each place of the output.
    """
    return [
        math.prod(operation.output.shape[1:-1])
        * sum(
            math.prod(weight.shape)
            for weight in getattr(operation, "weights", ())
            if len(weight.shape) > 1
        )
        for operation in backbone.operations
    ]


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
    # In models that were saved long ago, numbered layers may have other names.
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
