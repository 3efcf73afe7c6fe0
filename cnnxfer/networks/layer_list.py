"""A list of a backbone's layers, from which people choose where to cut."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from cnnxfer.networks.cut import boundaries


@dataclass(frozen=True)
class LayerRow:
    """A layer of a backbone.

    Attributes:
        position: position in the network, from 0. For networks of
            `keras.applications`, it is the index in `layers`.
        name: name of the layer, the same in every process.
        kind: name of the layer's class.
        shape: shape of the layer's output for one image.
        parameters: number of its parameters, including those that never learn.
        boundary: whether the network can be cut behind the layer.
    """

    position: int
    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    boundary: bool


def list_layers(backbone: keras.Model) -> list[LayerRow]:
    """Returns a row for each layer of a network from `build_backbone`, in order."""
    cuts = set(boundaries(backbone))
    return [
        LayerRow(
            position=position,
            name=layer.name,
            kind=type(layer).__name__,
            shape=tuple(layer.output.shape[1:]),
            parameters=layer.count_params() if hasattr(layer, "weights") else 0,
            boundary=layer.name in cuts,
        )
        for position, layer in enumerate(backbone.operations)
    ]
