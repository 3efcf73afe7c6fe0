"""Construction of a Keras network from a catalog entry."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import keras
from keras.src.backend.common import global_state

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.hdf5 import hdf5_problem
from cnnxfer.backbones.torch_weights import load_torch_weights
from cnnxfer.backbones.weights import SIZE_LIMIT_BYTES
from cnnxfer.errors import DataError
from cnnxfer.files import format_bytes
from cnnxfer.registry import load_object

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
# Keras's global counters: for each layer name, the number of layers so far.
_LAYER_COUNTERS = "object_name_uids"


def _rescale(x: Any, scale: float | list[float], offset: float | list[float]) -> Any:
    return keras.layers.Rescaling(scale, offset, dtype="float32")(x)


def _caffe(x: Any) -> Any:
    blue_first = keras.ops.flip(x, axis=-1)  # torch has no slices with negative steps
    return _rescale(blue_first, 1.0, [-mean for mean in CAFFE_MEAN_BGR])


def _torch(x: Any) -> Any:
    pairs = list(zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True))
    scale = [1 / (255 * deviation) for _, deviation in pairs]
    return _rescale(x, scale, [-mean / deviation for mean, deviation in pairs])


def _grey(x: Any) -> Any:
    # LeCun et al., 1998, section II.B: paper is -0.1 and ink 1.175, so that pictures of
    # characters have about the mean 0 and the deviation 1. The files of MNIST, which
    # the network is for, have 0 for paper and 255 for ink.
    return _rescale(keras.ops.image.rgb_to_grayscale(x), 1.275 / 255, -0.1)


NORMALIZATIONS: dict[str, Callable[[Any], Any]] = {
    "caffe": _caffe,
    "grey": _grey,
    "tf": lambda x: _rescale(x, 1 / 127.5, -1.0),
    "torch": _torch,
    "lite": lambda x: _rescale(x, 1 / 128, -127 / 128),
    "built_in": lambda x: x,
}


def build_backbone(
    backbone: Backbone,
    *,
    image_size: int,
    include_top: bool = False,
    weights_path: Path | None = None,
) -> keras.Model:
    """Builds the network that a catalog entry describes.

    Its layers have the same names in every process, whatever was built before.

    Args:
        backbone: the catalog entry.
        image_size: side of the input images in pixels.
        include_top: whether to build the ImageNet head, which returns probabilities.
        weights_path: a verified file of the entry's weights, or the user's own file for
            the same layers; None for random weights.

    Returns:
        A model of float32 `(batch, image_size, image_size, backbone.channels)`,
        normalized as `backbone.normalization` says, to features
        `(batch, height, width, channels)`, or to probabilities with the head,
        `(batch, 1000)` if it is ImageNet's.

    Raises:
        ConfigError: if `image_size` is too small for the network.
        DataError: if the weights do not fit the network.
    """
    backbone.input_size(image_size)  # fails if it is too small
    with _fresh_layer_numbers():
        network = load_object(backbone.builder)(
            include_top=include_top,
            weights=None,
            input_shape=(image_size, image_size, backbone.channels),
            **backbone.arguments,
        )
        if backbone.normalization == "built_in":
            network = _adjust(network)
    if weights_path is not None:
        _load_weights(network, backbone, weights_path)
    return network


@contextmanager
def _fresh_layer_numbers() -> Iterator[None]:
    """Makes Keras number unnamed layers (conv2d_17) as in a new process.

    Layers that are built after the block get higher numbers than all before, so that
    they can share a model with any of them. Keras only restarts its numbers with
    `clear_session`, which also resets much else.
    """
    previous = global_state.get_global_attribute(_LAYER_COUNTERS, {})
    counters: dict[str, int] = defaultdict(int)
    global_state.set_global_attribute(_LAYER_COUNTERS, counters)
    try:
        yield
    finally:
        for name, number in previous.items():
            counters[name] = max(counters[name], number)


def _adjust(network: keras.Model) -> keras.Model:
    """Returns an adjusted copy of a network with a normalization of its own.

    It is called before the weights are loaded, and makes three changes:

    - The normalization of pixels computes in float32, whatever the rest computes in.
    - Dropout has a rate of 0. `fit` would apply it even in a frozen network, whose
      answers must not change from epoch to epoch.
    - EfficientNet V1 gets the layer that Keras adds only with `weights="imagenet"`.
      The published weights need it however they are loaded. The layer has no weights,
      so no error would tell that it is missing.
    """
    scale = [1 / math.sqrt(deviation) for deviation in IMAGENET_DEVIATION]

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            config["dtype"] = "float32"
        if isinstance(layer, keras.layers.Dropout):
            config["rate"] = 0.0
        return type(layer).from_config(config)

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        x = layer(*arguments, **options)
        is_norm = isinstance(layer, keras.layers.Normalization)
        # In V2 and ConvNeXt, the layer has its mean as an argument and needs no more.
        if is_norm and layer.input_mean is None:
            x = keras.layers.Rescaling(scale, name="deviation", dtype="float32")(x)
        return x

    return keras.models.clone_model(network, clone_function=copy, call_function=call)


def _load_weights(network: keras.Model, backbone: Backbone, path: Path) -> None:
    size_bytes = path.stat().st_size
    if size_bytes > SIZE_LIMIT_BYTES:
        raise DataError(
            f"{path} has {format_bytes(size_bytes)}; the limit for a weight file is "
            f"{format_bytes(SIZE_LIMIT_BYTES)}."
        )
    try:
        if path.suffix == ".pth":
            load_torch_weights(network, backbone, path)
        else:
            _check_hdf5(path)
            network.load_weights(path)
    except DataError:
        raise
    except Exception as error:  # h5py and Keras raise many kinds for a wrong file
        reason = str(error).strip().split("\n")[0]
        layers = len([layer for layer in network.layers if layer.weights])
        formats = "a .h5 or .weights.h5 file of these {} layers, saved by Keras"
        if backbone.torch_names:
            formats += ", or a .pth file of them, saved by PyTorch"
        raise DataError(
            f"{path} does not hold the weights of {backbone.name}: {reason}. Expected "
            f"{formats.format(layers)}."
        ) from error


def _check_hdf5(path: Path) -> None:
    if path.suffix not in (".h5", ".hdf5"):  # Keras would open archives of weights too
        raise ValueError("it is no HDF5 file by its name")
    with h5py.File(path, "r", locking=False) as file:
        if problem := hdf5_problem(file, SIZE_LIMIT_BYTES):
            raise DataError(f"{path} {problem}.")
