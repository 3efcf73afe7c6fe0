"""The cut of a classifier into a frozen part and a part that learns.

The part before the cut is run once per image and view; the part behind it is trained on
the activations. A classifier can be cut at its pooled features, or inside its backbone
wherever a single tensor carries all information to the end. Both parts share the
classifier's layers: what is learned behind the cut is learned by the whole network.
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
from cnnxfer.engines.engine import FEATURES, Network
from cnnxfer.errors import ConfigError
from cnnxfer.networks.classifier import BACKBONE, backbone_of
from cnnxfer.registry import suggestion

POOLED = "pool"  # name of the classifier's pooling layer
# A cut with at most half as many activations is preferred to a later one, if running
# the layers between them in every step costs at most this share of the arithmetic.
MAX_EXTRA_WORK = 0.05
# A cut that saves less than this share of the arithmetic is not worth its activations.
MIN_SAVED_WORK = 0.1
FORMAT = 1  # raise it when `model_before` gives other answers for the same weights


@dataclass(frozen=True)
class CutNetwork(Network):
    """The part of a classifier before a cut, as engines take it.

    Attributes:
        backbone: name of the backbone in the catalog.
        cut: where the classifier is cut: `POOLED`, or one of `boundaries`.
    """

    backbone: str
    cut: str


def boundaries(backbone: keras.Model) -> list[str]:
    """Returns the names of the layers after which a backbone can be cut, in order.

    These are the layers that lie on every path from the pixels to the features, except
    for the last layer, whose output is pooled.
    """
    operations = backbone.operations
    position = {operation.output: i for i, operation in enumerate(operations)}
    last_reader = list(range(len(operations)))
    for reader, operation in enumerate(operations):
        for tensor in _inputs(operation):
            last_reader[position[tensor]] = reader
    names = []
    farthest_reader = 0  # the last operation that reads a tensor from before `i`
    for i, operation in enumerate(operations[:-1]):
        is_input = isinstance(operation, keras.layers.InputLayer)
        if farthest_reader <= i and not is_input:
            names.append(operation.name)
        farthest_reader = max(farthest_reader, last_reader[i])
    return names


def deepest_cut(backbone: keras.Model, start: int) -> str | None:
    """Returns where to cut a backbone whose layers learn from some position on.

    This is the last boundary before them, or one shortly before it with much smaller
    activations: inside a block they are up to six times as large as between blocks.

    Args:
        backbone: the network; all layers before `start` are frozen.
        start: position of the first layer that learns, in `backbone.operations`.

    Returns:
        One of `boundaries`; None if a cut would save hardly any arithmetic.
    """
    work = multiply_adds(backbone)
    total = sum(work)
    names = [operation.name for operation in backbone.operations]
    cuts = [i for i in map(names.index, boundaries(backbone)) if i < start]
    if not cuts:
        return None
    # Frozen arithmetic that a cut leaves for every step. Later cuts come first: `min`
    # returns the first of equals, and a later cut saves more.
    extra_work = {i: sum(work[i + 1 : start]) for i in reversed(cuts)}
    sizes = {i: math.prod(_shape(backbone, i)) for i in extra_work}
    least = extra_work[cuts[-1]]
    best = min((i for i in extra_work if extra_work[i] == least), key=sizes.__getitem__)
    near = (i for i in extra_work if extra_work[i] <= MAX_EXTRA_WORK * total)
    smallest = min(near, key=sizes.__getitem__, default=best)
    if 2 * sizes[smallest] <= sizes[best]:
        best = smallest
    return names[best] if sum(work[: best + 1]) >= MIN_SAVED_WORK * total else None


def activation_shape(backbone: keras.Model, cut: str) -> tuple[int, ...]:
    """Returns the shape of one image's activations at `cut`, one of `boundaries`."""
    names = [operation.name for operation in backbone.operations]
    return _shape(backbone, names.index(cut))


def _shape(backbone: keras.Model, position: int) -> tuple[int, ...]:
    return tuple(backbone.operations[position].output.shape[1:])


def multiply_adds(backbone: keras.Model) -> list[int]:
    """Returns each operation's number of multiply-adds for one image, in order.

    Every number of a kernel is used once at each position of the output.
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


def model_before(classifier: keras.Model, entry: Backbone, cut: str) -> keras.Model:
    """Returns the part of a classifier before the cut, with the normalization.

    Args:
        classifier: a model from `build_classifier` or `load_model`. The result computes
            in its precision. Call the result with `training=False`, or
            BatchNormalization uses the statistics of the batch.
        entry: the catalog entry of its backbone.
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
    x = _backbone_before(classifier, cut)(x)
    if cut == POOLED:
        x = classifier.get_layer(POOLED)(x)
    return keras.Model(pixels, x, name="before")


def model_behind(classifier: keras.Model, cut: str) -> keras.Model:
    """Returns the part of a classifier behind the cut.

    It shares the classifier's layers and their `trainable` flags, so BatchNormalization
    that is frozen in the classifier is frozen here.

    Args:
        classifier: a model from `build_classifier` or `load_model`.
        cut: `POOLED`, or one of `boundaries`.

    Returns:
        A model of activations, as `model_before` returns them, to float32 logits
        `(batch, num_classes)`.

    Raises:
        ConfigError: if the network cannot be cut there.
    """
    front = _backbone_before(classifier, cut)
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


def network_before(classifier: keras.Model, entry: Backbone, cut: str) -> CutNetwork:
    """Returns a description, for engines, of the part of a classifier before the cut.

    Args:
        classifier: a model from `build_classifier` or `load_model`, in float32.
        entry: the catalog entry of its backbone.
        cut: `POOLED`, or one of `boundaries`.

    Raises:
        ConfigError: if the network cannot be cut there.
    """
    image_size = int(classifier.input_shape[1])
    front = _backbone_before(classifier, cut)
    # The key holds the depth of the cut, not its name: numbered layers may have other
    # names in a model that was saved by another process.
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
        build=functools.partial(model_before, classifier, entry, cut),
        outputs=FEATURES,
        backbone=entry.name,
        cut=cut,
    )


def _backbone_before(classifier: keras.Model, cut: str) -> keras.Model:
    """Returns the backbone's layers up to the cut."""
    backbone = backbone_of(classifier)
    if cut == POOLED:
        return keras.Model(backbone.input, backbone.output)
    cuts = boundaries(backbone)
    if cut not in cuts:
        raise ConfigError(
            f"the network cannot be cut after {cut!r}.{suggestion(cut, cuts)}"
        )
    outputs = {operation.name: operation.output for operation in backbone.operations}
    return keras.Model(backbone.input, outputs[cut])


def _inputs(operation: Any) -> list[Any]:
    """Returns the tensors that an operation reads."""
    if isinstance(operation, keras.layers.InputLayer):
        return []
    inputs: list[Any] = keras.tree.flatten(operation.input)
    return inputs
