"""Model files: written whole or not at all, loaded without running what they name."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from cnnxfer.errors import DataError, RunError
from cnnxfer.files import atomic_path, format_bytes

MODEL_LIMIT_BYTES = 4 << 30
ADMITTED = frozenset(
    [
        "__ellipsis__",
        "__keras_tensor__",
        "__slice__",
        "keras.DTypePolicy",
        "keras.Sequential",
        "keras.initializers.GlorotUniform",
        "keras.initializers.HeNormal",
        "keras.initializers.Ones",
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
        "keras.layers.SeparableConv2D",
        "keras.layers.ZeroPadding2D",
        "keras.src.applications.convnext.LayerScale",
        "keras.src.applications.inception_resnet_v2.CustomScaleLayer",
        "keras.src.models.functional.Functional",
        "keras.src.ops.numpy.Add",
        "keras.src.ops.numpy.Flip",
        "keras.src.ops.numpy.GetItem",
        "keras.src.ops.numpy.Multiply",
    ]
)


def save_model(model: keras.Model, path: Path) -> None:
    """Writes a model to a `.keras` file, whole or not at all.

    Its training state (optimizer, loss) is left out.
    """
    with atomic_path(path) as temporary:
        keras.Model(model.input, model.output, name=model.name).save(temporary)


def load_model(path: Path) -> keras.Model:
    """Loads a `.keras` file that holds nothing but what our own networks are made of.

    A model file is a program. Besides Keras's own safe mode, every class that is not
    in `ADMITTED` is refused before anything is built.

    Raises:
        DataError: if the file is no such model.
        RunError: if it is absent.
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
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except Exception as error:  # zipfile and json raise many kinds for a wrong file
        raise _no_model(path, error) from error
    for name in class_names(config):
        if name not in ADMITTED:
            raise DataError(
                f"{path} asks for {name}, which no model of cnnxfer has. Only models "
                "that cnnxfer trained are loaded."
            )
    try:
        return keras.saving.load_model(path, safe_mode=True, compile=False)
    except Exception as error:  # as many kinds
        raise _no_model(path, error) from error


def class_names(config: Any) -> Iterator[str]:
    """Yields each class, `module.name`, that a model's config asks Keras for."""
    waiting = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            # Keras looks for the registered name first.
            for key in ("class_name", "registered_name"):
                if item.get(key):
                    module = item.get("module")
                    yield f"{module}.{item[key]}" if module else str(item[key])
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _no_model(path: Path, error: Exception) -> DataError:
    reason = (str(error).strip() or type(error).__name__).split("\n")[0]
    return DataError(f"{path} is not a whole Keras model file: {reason}")
