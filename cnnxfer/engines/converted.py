"""Networks in OpenVINO's form: converted once, kept in the cache, verified at use."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

# Keras imports OpenVINO to convert; this has it imported the silent way before.
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.files import cache_dir, cached_directory, file_hash, json_text

if TYPE_CHECKING:
    import keras

FORMAT = 1  # of the directory
FILES = ("model.xml", "model.bin")
MANIFEST = "manifest.json"
LIMIT_BYTES = 5 * 10**9  # of all networks together: some fifty of ResNet50's size


def find_converted(key: str) -> Path | None:
    """Returns the directory of a converted network, if the cache has it.

    One that is not as it was written is removed.

    Args:
        key: of the network.

    Raises:
        ConfigError: if there can be no cache.
    """
    directory = cached_at(key)
    if not directory.exists():
        return None
    if not _is_whole(directory):
        shutil.rmtree(directory, ignore_errors=True)
        return None
    with suppress(OSError):  # a cache that may only be read
        os.utime(directory)
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
    directory = cached_directory(cached_at(key), partial(_export, model))
    if not _is_whole(directory):  # where only reading is allowed, it stays as it is
        raise OSError(f"{directory} is damaged")
    _forget_others(directory)
    return directory


def cached_at(*parts: str) -> Path:
    """Returns the directory in the cache for what these versions make of something.

    Raises:
        ConfigError: if there can be no cache.
    """
    parts = (str(FORMAT), version("keras"), openvino.__version__, *parts)
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return cache_dir() / "engines" / name


def _export(model: keras.Model, directory: Path) -> None:
    model.export(str(directory / FILES[0]), format="openvino", verbose=False)
    hashes = {name: file_hash(directory / name) for name in FILES}
    (directory / MANIFEST).write_text(json_text(hashes), encoding="utf-8")


def _forget_others(directory: Path) -> None:
    """Deletes the networks that were used least recently, beyond `LIMIT_BYTES`."""
    others = [path for path in directory.parent.glob("[!.]*") if path != directory]
    others.sort(key=_last_used, reverse=True)
    total = _size_bytes(directory)
    for other in others:
        total += _size_bytes(other)
        if total > LIMIT_BYTES:
            shutil.rmtree(other, ignore_errors=True)


def _last_used(directory: Path) -> float:
    try:
        return directory.stat().st_mtime
    except OSError:  # another process has just deleted it
        return 0.0


def _size_bytes(directory: Path) -> int:
    size_bytes = 0
    with suppress(OSError):  # likewise
        for file in directory.iterdir():
            size_bytes += file.stat().st_size
    return size_bytes


def _is_whole(directory: Path) -> bool:
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
        return bool(manifest == {name: file_hash(directory / name) for name in FILES})
    except (OSError, ValueError):
        return False
