"""What fine-tuning sets free: which layers learn, from when on, at which rate."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise

import keras

from cnnxfer.config import FineTune
from cnnxfer.errors import ConfigError
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.networks.cut import boundaries
from cnnxfer.registry import did_you_mean

# Groups of layers that have a rate of their own: twelve, however deep a network is, as
# in https://github.com/facebookresearch/ConvNeXt (optim_factory.py), which took layer
# decay from transformers of twelve blocks (BEiT: Bao et al., 2022,
# https://arxiv.org/abs/2106.08254). So one decay suits all networks.
GROUPS = 12
LISTED = "All layers are listed by: cnnxfer backbones show NAME --layers"


@dataclass(frozen=True)
class Stage:
    """Some epochs in which the same layers learn.

    Attributes:
        number: from 0.
        epochs: how many.
        first_epoch: how many the stages before are to have.
        start: position of the layer from which on the backbone's layers learn; see
            `layer_names`.
    """

    number: int
    epochs: int
    first_epoch: int
    start: int


def layer_names(backbone: keras.Model) -> list[str]:
    """Returns the names of a backbone's layers in order, by position from 0.

    They are those of its operations: where a network adds two tensors with `+`, this
    counts as a layer too.
    """
    return [operation.name for operation in backbone.operations]


def has_weights(layer: keras.layers.Layer) -> bool:
    """Tells whether a layer has weights that training may change.

    BatchNormalization, which learns with the layers around it or not at all, does not
    count.
    """
    norms = (keras.layers.BatchNormalization, keras.layers.Normalization)
    return bool(getattr(layer, "weights", ())) and not isinstance(layer, norms)


def stages_of(classifier: keras.Model, settings: FineTune) -> list[Stage]:
    """Returns the stages of fine-tuning, in each of which more layers learn.

    Stages have about as many layers each; the first ones those nearest to the output
    (gradual unfreezing: Howard and Ruder, 2018, https://arxiv.org/abs/1801.06146). They
    share the epochs, the later ones what is over.

    Args:
        classifier: from `build_classifier`, or loaded again.
        settings: what learns, and for how long.

    Raises:
        ConfigError: if the network has no such layer, or the stages are more than the
            epochs or the layers.
    """
    backbone = backbone_of(classifier)
    count, epochs = settings.gradual, settings.epochs
    if count > epochs:
        raise ConfigError(
            f"--gradual is {count}, but --epochs is {epochs}; each stage needs an "
            "epoch."
        )
    start = _start(backbone, settings)
    starts = _parts(backbone, start, count)
    if len(starts) < count:
        raise ConfigError(
            f"--gradual is {count}, but no more than {len(starts)} of the backbone's "
            "layers learn. Use fewer stages, or more of the network: --all."
        )
    starts[0] = start
    shares = [(epochs + stage) // count for stage in range(count)]
    firsts = accumulate(shares[:-1], initial=0)
    return [
        Stage(number, share, first, position)
        for number, (share, first, position) in enumerate(
            zip(shares, firsts, reversed(starts), strict=True),
        )
    ]


def unfreeze(classifier: keras.Model, stage: Stage, settings: FineTune) -> None:
    """Sets what learns: the head, and the backbone from the stage's layer on.

    BatchNormalization learns with the layers around it if `settings.batch_norm` is
    `train`, and else stays as it is.
    """
    backbone = backbone_of(classifier)
    # On TensorFlow `backbone.trainable = True` does nothing where it is True already,
    # even over layers that were frozen one by one, so each layer is set too. A
    # BatchNormalization layer is frozen by its own flag: `fit` overrides a
    # `training=False` that was given when the model was built.
    backbone.trainable = True
    for position, layer in enumerate(backbone.operations):
        if isinstance(layer, keras.layers.Layer):
            is_norm = isinstance(layer, keras.layers.BatchNormalization)
            frozen_norm = is_norm and settings.batch_norm == "frozen"
            layer.trainable = position >= stage.start and not frozen_norm


def group_starts(backbone: keras.Model) -> list[int]:
    """Returns at which positions the groups of layers with a rate each begin."""
    return [0, *_parts(backbone, 0, GROUPS)[1:]]


def group_factor(group: int, groups: int, layer_decay: float) -> float:
    """Returns the multiple of the rate that a group has, from 0 at the pixels.

    The head, behind the last of them, has 1.
    """
    return layer_decay ** (groups - group)


def rate_factors(classifier: keras.Model, settings: FineTune) -> dict[str, float]:
    """Returns multiples of the rate, by the paths of what learns in the backbone.

    Without layer decay there are none. The head is not among them; its factor is 1.
    """
    if settings.layer_decay == 1:
        return {}
    backbone = backbone_of(classifier)
    starts = group_starts(backbone)
    return {
        variable.path: group_factor(
            bisect_right(starts, position) - 1, len(starts), settings.layer_decay
        )
        for position, layer in enumerate(backbone.operations)
        for variable in getattr(layer, "trainable_variables", ())
    }


def _start(backbone: keras.Model, settings: FineTune) -> int:
    """Returns the position of the first layer that the settings choose."""
    countable = _countable(backbone)
    if not settings.start:
        return countable[-max(1, round(settings.fraction * len(countable)))]
    start = find_layer(backbone, settings.start)
    if start > countable[-1]:
        names = layer_names(backbone)
        raise ConfigError(
            f"--from is {settings.start!r}, but from {names[start]} on no layer has "
            f"weights. The last that has is {names[countable[-1]]}, at position "
            f"{countable[-1]}."
        )
    return start


def find_layer(backbone: keras.Model, text: str) -> int:
    """Returns the position of a layer, given that or how its name begins.

    Case doesn't matter. Of several names that begin so, the first in the network is
    meant, unless one is nothing but this.

    Raises:
        ConfigError: if there is none.
    """
    names = layer_names(backbone)
    if text.isdecimal():
        if int(text) < len(names):
            return int(text)
        raise ConfigError(
            f"--from is {text}, but the network's layers are at positions 0 to "
            f"{len(names) - 1}. {LISTED}"
        )
    folded = [name.lower() for name in names]
    if text.lower() in folded:
        return folded.index(text.lower())
    for position, name in enumerate(folded):
        if name.startswith(text.lower()):
            return position
    near = did_you_mean(text, [*_beginnings(names), *names])
    raise ConfigError(
        f"--from is {text!r}, but no layer's name begins so.{near} {LISTED}"
    )


def _beginnings(names: list[str]) -> list[str]:
    """Returns what names have before each of their underscores: blocks_1, blocks."""
    return [
        name[:end]
        for name in names
        for end, character in enumerate(name)
        if character == "_"
    ]


def _countable(backbone: keras.Model) -> list[int]:
    return [i for i, layer in enumerate(backbone.operations) if has_weights(layer)]


def _parts(backbone: keras.Model, start: int, count: int) -> list[int]:
    """Returns where `count` parts of about as many layers each begin, from `start` on.

    They begin with a block, which lies between two places where the network can be
    cut, unless there are too few of these. There are fewer parts if there are fewer
    layers.
    """
    layers = [position for position in _countable(backbone) if position >= start]
    names = layer_names(backbone)
    cuts = [names.index(name) for name in boundaries(backbone)]
    blocks = layers[:1] + [
        layer
        for before, layer in pairwise(layers)
        if bisect_left(cuts, before) < bisect_left(cuts, layer)
    ]
    place = {layer: i for i, layer in enumerate(layers)}
    parts: dict[int, int] = {}
    for begins in (blocks, layers):
        parts = {}
        for layer in begins:
            parts.setdefault(count * place[layer] // len(layers), layer)
        if len(parts) == count:
            break
    return list(parts.values())
