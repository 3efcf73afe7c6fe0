"""The stages of fine-tuning: which layers learn in each, and at which rate."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise

import keras

from cnnxfer.config import FineTune, check_stages
from cnnxfer.errors import ConfigError
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.networks.graph import boundaries
from cnnxfer.registry import did_you_mean
from cnnxfer.spelling import option

# The number of groups of layers with a learning rate each. It does not depend on the
# depth of the network, so that one layer decay suits all networks. Twelve is the number
# in https://github.com/facebookresearch/ConvNeXt (optim_factory.py), which took layer
# decay from transformers of twelve blocks (BEiT: Bao et al., 2022,
# https://arxiv.org/abs/2106.08254).
GROUPS = 12
LAYERS_HINT = "All layers are listed by: cnnxfer backbones show NAME --layers"


@dataclass(frozen=True)
class Stage:
    """Epochs of fine-tuning in which the same layers learn."""

    number: int  # from 0
    epochs: int
    first_epoch: int  # how many epochs the previous stages are to have
    start: int  # position of the backbone's first layer that learns, as all after it


def layer_names(backbone: keras.Model) -> list[str]:
    """Returns the names of a backbone's layers, in the order of their positions.

    All operations count as layers, even an addition of two tensors with `+`.
    """
    return [operation.name for operation in backbone.operations]


def has_weights(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer has weights that training may change.

    BatchNormalization does not count, because it learns with the layers around it or
    not at all.
    """
    norms = (keras.layers.BatchNormalization, keras.layers.Normalization)
    return bool(getattr(layer, "weights", ())) and not isinstance(layer, norms)


def stages_of(classifier: keras.Model, settings: FineTune) -> list[Stage]:
    """Returns the stages of fine-tuning; each one trains more layers than the previous.

    The first stage trains the layers nearest to the output, and each further stage adds
    about as many (gradual unfreezing: Howard and Ruder, 2018,
    https://arxiv.org/abs/1801.06146). The stages share the epochs equally; the last
    ones get those that remain.

    Raises:
        ConfigError: if the network does not have the layer to begin at, or there are
            more stages than epochs or layers.
    """
    backbone = backbone_of(classifier)
    count, epochs = settings.gradual, settings.epochs
    check_stages(settings)
    start = _start(backbone, settings)
    starts = _parts(backbone, start, count)
    if len(starts) < count:
        raise ConfigError(
            f"{option('--gradual')} is {count}, but no more than {len(starts)} of the "
            "backbone's layers learn. Use fewer stages, or more of the network: "
            f"{option('--all')}."
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
    """Sets the trainable layers: the head, and the backbone from the stage's layer on.

    BatchNormalization learns with the layers around it if `settings.batch_norm` is
    `train`; otherwise it is frozen.
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
    """Returns the positions at which the groups of layers with a rate each begin."""
    return [0, *_parts(backbone, 0, GROUPS)[1:]]


def group_factor(group: int, groups: int, layer_decay: float) -> float:
    """Returns a group's multiple of the learning rate; that of the head is 1.

    Groups are counted from 0 at the input; `layer_decay` is the ratio of the rates of
    neighbouring ones.
    """
    return layer_decay ** (groups - group)


def rate_factors(classifier: keras.Model, settings: FineTune) -> dict[str, float]:
    """Returns multiples of the learning rate by the paths of variables.

    They cover the trainable variables of the backbone; the factor of all others is 1.
    Without layer decay, the result is empty.
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
    """Returns the position of the first layer that is to learn."""
    countable = _countable(backbone)
    if settings.start == "none":
        return countable[-max(1, round(settings.fraction * len(countable)))]
    start = find_layer(backbone, settings.start)
    if start > countable[-1]:
        names = layer_names(backbone)
        raise ConfigError(
            f"{option('--from')} is {settings.start!r}, but no layer from "
            f"{names[start]} on has weights. The last one that has weights is "
            f"{names[countable[-1]]}, at position {countable[-1]}."
        )
    return start


def find_layer(backbone: keras.Model, text: str) -> int:
    """Returns the position of a layer of a backbone.

    The text is its position, or its name, or the beginning of its name, in upper or
    lower case. If several names begin with it and none is equal to it, the first in the
    network is returned.

    Raises:
        ConfigError: if there is no such layer.
    """
    names = layer_names(backbone)
    if text.isdecimal():
        if int(text) < len(names):
            return int(text)
        raise ConfigError(
            f"{option('--from')} is {text}, but the network's layers are at positions "
            f"0 to {len(names) - 1}. {LAYERS_HINT}"
        )
    folded = [name.lower() for name in names]
    if text.lower() in folded:
        return folded.index(text.lower())
    for position, name in enumerate(folded):
        if name.startswith(text.lower()):
            return position
    near = did_you_mean(text, [*_beginnings(names), *names])
    raise ConfigError(
        f"{option('--from')} is {text!r}, but no layer's name begins with it.{near} "
        f"{LAYERS_HINT}"
    )


def _beginnings(names: list[str]) -> list[str]:
    """Returns the parts of names before each of their underscores."""
    return [
        name[:end]
        for name in names
        for end, character in enumerate(name)
        if character == "_"
    ]


def _countable(backbone: keras.Model) -> list[int]:
    return [i for i, layer in enumerate(backbone.operations) if has_weights(layer)]


def _parts(backbone: keras.Model, start: int, count: int) -> list[int]:
    """Divides the layers from `start` on into `count` parts of about equal size.

    Returns the positions at which the parts begin. They begin with a block, which is
    what lies between two positions where the network can be cut, unless there are too
    few blocks. There are fewer parts if there are fewer layers.
    """
    layers = [position for position in _countable(backbone) if position >= start]
    names = layer_names(backbone)
    cuts = [names.index(name) for name in boundaries(backbone)]
    blocks = layers[:1] + [
        layer
        for before, layer in pairwise(layers)
        if bisect_left(cuts, before) < bisect_left(cuts, layer)
    ]
    index_of = {layer: i for i, layer in enumerate(layers)}
    parts: dict[int, int] = {}
    for begins in (blocks, layers):
        parts = {}
        for layer in begins:
            parts.setdefault(count * index_of[layer] // len(layers), layer)
        if len(parts) == count:
            break
    return list(parts.values())
