"""The layers of a backbone, as people choose among them."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from cnnxfer.networks.cut import boundaries


@dataclass(frozen=True)
class LayerRow:
    """A layer of a backbone.

    Attributes:
        position: from 0; for networks of `keras.applications`, that in `layers`.
        name: the same in every process.
        kind: its class.
        shape: of its output for one image.
        parameters: how many numbers it has, those that never learn included.
        boundary: whether the network can be cut behind it.
    """

    position: int
    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    boundary: bool


def list_layers(backbone: keras.Model) -> list[LayerRow]:
    """Returns a row for each layer of a network, in order.

    Args:
        backbone: from `build_backbone`.
    """
    places = set(boundaries(backbone))
    return [
        LayerRow(
            position=position,
            name=layer.name,
            kind=type(layer).__name__,
            shape=tuple(layer.output.shape[1:]),
            parameters=layer.count_params() if hasattr(layer, "weights") else 0,
            boundary=layer.name in places,
        )
        for position, layer in enumerate(backbone.operations)
    ]
