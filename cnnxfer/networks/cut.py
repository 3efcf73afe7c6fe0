"""The cut of a classifier into a frozen part and a part that learns.

The part before the cut is run once per image and view; the part behind it is trained on
the activations. A classifier can be cut at what its head reads, pooled features or
maps, or inside its backbone wherever one tensor, or a few together, carry all
information to the end. A few tensors are kept as one row of numbers, so that engines
and caches know one kind of activation. Both parts share the classifier's layers: what
is learned behind the cut is learned by the whole network.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS
from cnnxfer.engines.engine import FEATURES, Network
from cnnxfer.errors import ConfigError
from cnnxfer.networks.classifier import BACKBONE, backbone_of
from cnnxfer.networks.graph import boundaries, multiply_adds, places_of
from cnnxfer.registry import suggestion
from cnnxfer.reporting import listed
from cnnxfer.tasks.class_task import POOLED
from cnnxfer.tasks.task import ANSWER, MAPS

# The layer, or the layers, after which a network is cut.
CutAfter = str | tuple[str, ...]
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
        cut: where the classifier is cut, for people.
    """

    backbone: str
    cut: str


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


def activation_shape(backbone: keras.Model, cut: CutAfter) -> tuple[int, ...]:
    """Returns the shape of one image's activations at a cut."""
    if cut == POOLED:
        return (backbone.output.shape[-1],)
    shapes = [tuple(tensor.shape[1:]) for tensor in _tensors(backbone, cut)]
    return shapes[0] if len(shapes) == 1 else (sum(map(math.prod, shapes)),)


def _shape(backbone: keras.Model, position: int) -> tuple[int, ...]:
    return tuple(backbone.operations[position].output.shape[1:])


def model_before(
    classifier: keras.Model, entry: Backbone, cut: CutAfter
) -> keras.Model:
    """Returns the part of a classifier before the cut, with the normalization.

    Args:
        classifier: a model from `build_classifier` or `load_model`. The result computes
            in its precision. Call the result with `training=False`, or
            BatchNormalization uses the statistics of the batch.
        entry: the catalog entry of its backbone.
        cut: `POOLED` or `MAPS` for what the head reads, one of `boundaries`, or layers
            inside the backbone that together carry all information to its end.

    Returns:
        A model of pixels, float32 or uint8 `(batch, image_size, image_size, 3)` in
        [0, 255], to activations: `(batch, channels)` if pooled; usually `(batch,
        height, width, channels)` for one tensor; `(batch, values)` for several.

    Raises:
        ConfigError: if the network cannot be cut there.
    """
    pixels = keras.Input(classifier.input_shape[1:], dtype="float32", name="pixels")
    x = NORMALIZATIONS[entry.normalization](pixels)
    x = _backbone_before(classifier, cut)(x)
    if cut == POOLED:
        x = classifier.get_layer(POOLED)(x)
    elif isinstance(x, list):
        rows = [keras.layers.Flatten(dtype="float32")(tensor) for tensor in x]
        x = keras.layers.Concatenate(dtype="float32")(rows)
    return keras.Model(pixels, x, name="before")


def model_behind(classifier: keras.Model, cut: CutAfter) -> keras.Model:
    """Returns the part of a classifier behind the cut.

    It shares the classifier's layers and their `trainable` flags, so BatchNormalization
    that is frozen in the classifier is frozen here.

    Args:
        classifier: a model from `build_classifier` or `load_model`.
        cut: as for `model_before`.

    Returns:
        A model of activations, as `model_before` returns them, to the float32 logits
        of the head: without the layer `ANSWER` behind them, if there is one.

    Raises:
        ConfigError: if the network cannot be cut there.
    """
    backbone = backbone_of(classifier)
    if cut == POOLED:
        last = POOLED
        x = activations = keras.Input(activation_shape(backbone, cut))
    else:
        last = BACKBONE
        tensors = _tensors(backbone, cut)
        activations = keras.Input(activation_shape(backbone, cut))
        parts = _parted(activations, [tensor.shape[1:] for tensor in tensors])
        x = _through_rest(backbone, tensors, parts)
    names = [layer.name for layer in classifier.layers]
    for layer in classifier.layers[names.index(last) + 1 :]:
        if layer.name != ANSWER:
            x = layer(x)
    return keras.Model(activations, x, name="behind")


def network_before(
    classifier: keras.Model, entry: Backbone, cut: CutAfter
) -> CutNetwork:
    """Returns a description, for engines, of the part of a classifier before the cut.

    Args:
        classifier: a model from `build_classifier` or `load_model`, in float32.
        entry: the catalog entry of its backbone.
        cut: as for `model_before`.

    Raises:
        ConfigError: if the network cannot be cut there.
    """
    image_size = int(classifier.input_shape[1])
    front = _backbone_before(classifier, cut)
    # The key holds the depth of the cut, not its name: numbered layers may have other
    # names in a model that was saved by another process.
    depth: Any = POOLED if cut == POOLED else len(front.operations)
    if len(front.outputs) > 1:
        places = places_of(backbone_of(classifier))
        depth = [places[tensor] for tensor in front.outputs]
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
        title=f"{entry.name} without its head"
        if cut in (POOLED, MAPS)
        else f"the layers of {entry.name} that are frozen",
        backbone=entry.name,
        cut=cut if isinstance(cut, str) else ", ".join(cut),
    )


def _backbone_before(classifier: keras.Model, cut: CutAfter) -> keras.Model:
    """Returns the backbone's layers up to the cut."""
    backbone = backbone_of(classifier)
    if cut == POOLED:
        return keras.Model(backbone.input, backbone.output)
    tensors = _tensors(backbone, cut)
    return keras.Model(backbone.input, tensors if len(tensors) > 1 else tensors[0])


def _tensors(backbone: keras.Model, cut: CutAfter) -> list[Any]:
    """Returns the tensors at a cut inside the backbone, in the order of its layers.

    These are the layers' own, and the maps before a single one that the head reads.
    """
    if cut == MAPS:
        return list(backbone.outputs)
    outputs = {operation.name: operation.output for operation in backbone.operations}
    names = (cut,) if isinstance(cut, str) else cut
    known = boundaries(backbone) if len(names) == 1 else outputs
    for name in names:
        if name not in known:
            raise ConfigError(
                f"the network cannot be cut after {name!r}.{suggestion(name, known)}"
            )
    tensors = [outputs[name] for name in names]
    if len(tensors) == 1:
        places = places_of(backbone)
        last = places[tensors[0]]
        tensors = [*(map for map in backbone.outputs if places[map] < last), *tensors]
    try:
        _rest(backbone, tensors)
    except ValueError:
        raise ConfigError(
            f"the network cannot be cut after {listed(map(repr, names))}: other "
            "layers carry information past them."
        ) from None
    return tensors


def _rest(backbone: keras.Model, tensors: Sequence[Any]) -> keras.Model:
    """Returns the part of a backbone behind some tensors; without those themselves."""
    given = set(map(id, tensors))
    outputs = [output for output in backbone.outputs if id(output) not in given]
    return keras.Model(list(tensors), outputs)


def _through_rest(
    backbone: keras.Model, tensors: Sequence[Any], values: Sequence[Any]
) -> Any:
    """Returns the outputs of a backbone, given the values of tensors inside it."""
    known = dict(zip(map(id, tensors), values, strict=True))
    wanted = [output for output in backbone.outputs if id(output) not in known]
    if wanted:
        found = keras.tree.flatten(_rest(backbone, tensors)(list(values)))
        known |= dict(zip(map(id, wanted), found, strict=True))
    outputs = [known[id(output)] for output in backbone.outputs]
    return outputs if len(outputs) > 1 else outputs[0]


def _parted(activations: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Returns the tensors that a row of activations holds, one after the other."""
    if len(shapes) == 1:
        return [activations]
    ends = list(itertools.accumulate(map(math.prod, shapes)))
    rows = keras.ops.split(activations, ends[:-1], axis=1)
    return [
        keras.layers.Reshape(shape)(row)
        for row, shape in zip(rows, shapes, strict=True)
    ]
