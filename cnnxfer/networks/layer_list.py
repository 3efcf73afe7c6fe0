"""A list of a backbone's layers, from which people choose where to cut."""

from dataclasses import dataclass

import keras

from cnnxfer.networks.graph import boundaries


@dataclass(frozen=True)
class LayerRow:
    """A layer of a backbone."""

    position: int  # from 0; for networks of `keras.applications`, the index in `layers`
    name: str  # the same in every process
    kind: str  # name of the layer's class
    shape: tuple[int, ...]  # of the layer's output for one image
    parameters: int  # including those that never learn
    boundary: bool  # whether the network can be cut behind the layer


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
