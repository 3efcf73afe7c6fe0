"""Networks in OpenVINO's form: converted once, kept in the cache, verified at use."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.files import cache_dir, cached_directory, file_hash, json_text

# Keras imports OpenVINO to convert; this has it imported the silent way before.
from cnnxfer.prediction.engines.silent_openvino import openvino

if TYPE_CHECKING:
    import keras

FORMAT = 1  # of the directory
FILES = ("model.xml", "model.bin")
MANIFEST = "manifest.json"


def find_converted(key: str) -> Path | None:
    """Returns the directory of a converted network, if the cache has it.

    One that is not as it was written is removed.

    Args:
        key: of the network.

    Raises:
        ConfigError: if there can be no cache.
    """
    directory = _directory(key)
    if not directory.exists():
        return None
    if not _is_whole(directory):
        shutil.rmtree(directory, ignore_errors=True)
        return None
    return directory


def convert(key: str, model: keras.Model) -> Path:
    """Returns the directory of a network that is converted now.

    Args:
        key: of the network.
        model: float32, of pixels `(batch, size, size, 3)`.

    Raises:
        Exception: of many kinds, if OpenVINO does not know all that the model does,
            or the cache cannot be written.
    """
    directory = cached_directory(_directory(key), partial(_export, model))
    if not _is_whole(directory):  # where only reading is allowed, it stays as it is
        raise OSError(f"{directory} is damaged")
    return directory


def _directory(key: str) -> Path:
    parts = [str(FORMAT), version("keras"), openvino.__version__, key]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return cache_dir() / "engines" / name


def _export(model: keras.Model, directory: Path) -> None:
    model.export(str(directory / FILES[0]), format="openvino", verbose=False)
    hashes = {name: file_hash(directory / name) for name in FILES}
    (directory / MANIFEST).write_text(json_text(hashes), encoding="utf-8")


def _is_whole(directory: Path) -> bool:
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
        return bool(manifest == {name: file_hash(directory / name) for name in FILES})
    except (OSError, ValueError):
        return False
