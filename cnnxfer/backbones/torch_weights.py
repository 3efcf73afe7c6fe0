"""Moves the weights of a PyTorch file into a Keras network of the same layers."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.torch_checkpoint import read_checkpoint
from cnnxfer.registry import load_object

# Parts of a layer, in the order of the weights of Keras's.
_PARTS = ("weight", "bias")
_NORMALIZATION_PARTS = (*_PARTS, "running_mean", "running_var")
_COUNTER = ".num_batches_tracked"  # of BatchNormalization; PyTorch's averages need it


def load_torch_weights(network: keras.Model, backbone: Backbone, path: Path) -> None:
    """Loads a file that PyTorch saved; every tensor in it has to have its place.

    Only tensors of a head that the network lacks are left, the ImageNet head or those
    of training, and the counters of BatchNormalization.

    Raises:
        DataError: if the file cannot be read safely.
        ValueError: if its tensors are those of another network.
    """
    if backbone.torch_names is None:
        raise ValueError("it is a file of PyTorch")
    tensors = read_checkpoint(path)
    names = load_object(backbone.torch_names)([layer.name for layer in network.layers])
    maps = None
    for layer in network.layers:
        values = []
        for weight, part in zip(layer.weights, _parts(layer), strict=False):
            tensor = _take(tensors, f"{names[layer.name]}.{part}", layer, weight)
            if maps and tensor.ndim == 2:
                tensor = _flattened_last(tensor, *maps)
                maps = None
            values.append(tensor.transpose(_axes(layer, tensor.ndim)))
        layer.set_weights(values)
        names.pop(layer.name, None)
        if isinstance(layer, keras.layers.Flatten):
            maps = layer.input.shape[1:]
    lacking = tuple(f"{name}." for name in names.values())
    left = [name for name in tensors if not name.startswith(lacking)]
    if left := [name for name in left if not name.endswith(_COUNTER)]:
        raise ValueError(f"its {left[0]!r:.60} and {len(left) - 1} more have no layer")


def _parts(layer: keras.layers.Layer) -> tuple[str, ...]:
    is_normalization = isinstance(layer, keras.layers.BatchNormalization)
    return _NORMALIZATION_PARTS if is_normalization else _PARTS


def _take(
    tensors: dict[str, np.ndarray], name: str, layer: keras.layers.Layer, weight: Any
) -> np.ndarray:
    """Takes the tensor that is for a weight, of PyTorch's shape, out of the file's."""
    axes = np.argsort(_axes(layer, len(weight.shape)))
    expected = tuple(weight.shape[axis] for axis in axes)
    if name not in tensors:
        raise ValueError(f"it has no {name!r}, expected one of shape {expected}")
    tensor = tensors.pop(name)
    if tensor.shape != expected:
        raise ValueError(f"its {name!r} has shape {tensor.shape}, expected {expected}")
    return tensor


def _axes(layer: keras.layers.Layer, rank: int) -> tuple[int, ...]:
    """Returns the axes of PyTorch's tensor in the order of Keras's weight."""
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return (2, 3, 0, 1)  # (c, 1, h, w) -> (h, w, c, 1)
    if rank == 4:
        return (2, 3, 1, 0)  # (out, in, h, w) -> (h, w, in, out)
    return tuple(reversed(range(rank)))  # (out, in) -> (in, out)


def _flattened_last(
    tensor: np.ndarray, height: int, width: int, channels: int
) -> np.ndarray:
    """Reorders what a layer multiplies flattened maps by: PyTorch's begin with c."""
    parted = tensor.reshape(-1, channels, height, width)
    return parted.transpose(0, 2, 3, 1).reshape(tensor.shape)
