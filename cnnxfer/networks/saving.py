"""Saving of model files, and loading that runs no code from the file."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import h5py
import keras

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.hdf5 import hdf5_problem
from cnnxfer.errors import DataError, RunError, first_line
from cnnxfer.files import atomic_path, format_bytes
from cnnxfer.networks.description import write_description
from cnnxfer.registry import load_object
from cnnxfer.tasks.own_layers import HEAD_LAYERS
from cnnxfer.trust import KEPT
from cnnxfer.unpacking import is_stored, open_stored

MODEL_LIMIT_BYTES = 4 << 30
# The largest network of Keras, NASNetLarge, is described in 1 MB.
CONFIG_LIMIT_BYTES = 20_000_000
CONFIG, WEIGHTS = "config.json", "model.weights.h5"  # parts of the file
# The classes of Keras that a model file may refer to.
ALLOWED_CLASSES = frozenset(
    [
        "__ellipsis__",
        "__keras_tensor__",
        "__slice__",
        "keras.DTypePolicy",
        "keras.Sequential",
        "keras.initializers.Constant",
        "keras.initializers.GlorotUniform",
        "keras.initializers.HeNormal",
        "keras.initializers.Ones",
        "keras.initializers.RandomNormal",
        "keras.initializers.RandomUniform",
        "keras.initializers.VarianceScaling",
        "keras.initializers.Zeros",
        "keras.layers.Activation",
        "keras.layers.Add",
        "keras.layers.AveragePooling2D",
        "keras.layers.BatchNormalization",
        "keras.layers.Concatenate",
        "keras.layers.Conv2D",
        "keras.layers.Cropping2D",
        "keras.layers.Dense",
        "keras.layers.DepthwiseConv2D",
        "keras.layers.Dropout",
        "keras.layers.GlobalAveragePooling2D",
        "keras.layers.InputLayer",
        "keras.layers.LayerNormalization",
        "keras.layers.MaxPooling2D",
        "keras.layers.Multiply",
        "keras.layers.Normalization",
        "keras.layers.ReLU",
        "keras.layers.Rescaling",
        "keras.layers.Reshape",
        "keras.layers.Resizing",
        "keras.layers.SeparableConv2D",
        "keras.layers.ZeroPadding2D",
        "keras.src.applications.convnext.LayerScale",
        "keras.src.applications.inception_resnet_v2.CustomScaleLayer",
        "keras.src.models.functional.Functional",
        "keras.src.ops.image.RGBToGrayscale",
        "keras.src.ops.numpy.Add",
        "keras.src.ops.numpy.Flip",
        "keras.src.ops.numpy.GetItem",
        "keras.src.ops.numpy.Multiply",
    ]
)
# Layers of heads and of the networks of the catalog that Keras does not have, as a file
# names them, and as `load_object` does.
OWN_LAYERS = {
    f"{module}.{name}": layer
    for layers in (HEAD_LAYERS, *(backbone.layers for backbone in BACKBONES))
    for layer in layers
    for module, kind in [layer.split(":")]
    for name in (kind, f"cnnxfer>{kind}")  # the class, and what it is registered as
}


def save_model(
    model: keras.Model, path: Path, description: Mapping[str, Any] | None = None
) -> None:
    """Writes a model to a `.keras` file, completely or not at all.

    The training state (optimizer, loss) is not saved.

    Args:
        model: the model.
        path: the file.
        description: what the file is to say of itself; see `description.describe`.
    """
    with atomic_path(path, KEPT) as temporary:
        keras.Model(model.input, model.output, name=model.name).save(temporary)
        if description:
            write_description(temporary, description)


def load_model(path: Path) -> keras.Model:
    """Loads a `.keras` file that cnnxfer has saved.

    A model file can run code when Keras builds it. So any file that refers to a class
    outside `ALLOWED_CLASSES` and `OWN_LAYERS` is refused before anything is built, in
    addition to Keras's own safe mode.

    Raises:
        DataError: if the file is damaged, too large, not a Keras model, or refers to
            any other class.
        RunError: if the file does not exist.
    """
    if not path.is_file():
        raise RunError(f"{path} does not exist.")
    size_bytes = path.stat().st_size
    if size_bytes > MODEL_LIMIT_BYTES:
        raise DataError(
            f"{path} has {format_bytes(size_bytes)}; the limit for a model is "
            f"{format_bytes(MODEL_LIMIT_BYTES)}."
        )
    try:
        config = _read_config(path)
    except Exception as error:  # zipfile and json raise many kinds for a wrong file
        raise _damaged(path, error) from error
    for name in config_classes(config):
        if name in OWN_LAYERS:
            load_object(OWN_LAYERS[name])  # which makes Keras know it
        elif name not in ALLOWED_CLASSES:
            raise DataError(
                f"{path} refers to {name}, which no model of cnnxfer uses. Only models "
                "that cnnxfer trained are loaded."
            )
    try:
        _check_weights(path)
        return keras.saving.load_model(path, safe_mode=True, compile=False)
    except Exception as error:  # Keras raises many kinds for a damaged file
        raise _damaged(path, error) from error


def _read_config(path: Path) -> Any:
    """Returns what `config.json` in the file describes.

    Keras writes each part of the file uncompressed, and reads it without a limit.

    Raises:
        DataError: if a part is compressed or too large; the message is only the reason.
    """
    if not is_stored(path):
        raise DataError(
            "it is no zip archive of uncompressed parts, as Keras writes it"
        )
    with ZipFile(path) as archive:
        size_bytes = archive.getinfo(CONFIG).file_size
        if size_bytes > CONFIG_LIMIT_BYTES:
            raise DataError(
                f"its {CONFIG} has {format_bytes(size_bytes)}; the limit is "
                f"{format_bytes(CONFIG_LIMIT_BYTES)}"
            )
        return json.loads(archive.read(CONFIG))


def _check_weights(path: Path) -> None:
    with open_stored(path, WEIGHTS) as part, h5py.File(part, "r") as file:
        if problem := hdf5_problem(file, MODEL_LIMIT_BYTES):
            raise DataError(f"its {WEIGHTS} {problem}")


def config_classes(config: Any) -> Iterator[str]:
    """Yields the name, `module.class`, of each class that `config.json` refers to."""
    pending = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            # Keras looks for the registered name first.
            for key in ("class_name", "registered_name"):
                if item.get(key):
                    module = item.get("module")
                    yield f"{module}.{item[key]}" if module else str(item[key])
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is not a complete Keras model file: {first_line(error)}")
