"""Cache of networks in OpenVINO's format: converted once, verified at each use."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.cache import cache_dir, cached_directory, is_trusted
from cnnxfer.engines.conversion.write import write_network
from cnnxfer.engines.engine import Network
from cnnxfer.engines.openvino_engine import FILES

# Keras imports OpenVINO to convert. This imports it first, without telemetry.
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.files import file_hash, json_text, read_json
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.reporting import Reporter

if TYPE_CHECKING:
    import keras

FORMAT = 2  # version of the directory's format
MANIFEST = "manifest.json"
# Limit for all cached networks together: about fifty of the size of ResNet50.
CACHE_LIMIT_BYTES = 5 * 10**9


def find_converted(key: str, reporter: Reporter) -> Path | None:
    """Returns the directory of the network with this key; None if the cache lacks it.

    A directory that is damaged, or that others can have written, counts as missing;
    the reporter warns of the latter.

    Raises:
        ConfigError: if the cache directory cannot be created.
    """
    directory = cached_dir(key)
    if not (is_trusted(directory, reporter) and _is_whole(directory)):
        return None
    _mark_used(directory)
    return directory


def convert(
    network: Network,
    model: Callable[[], keras.Model],
    meanwhile: Callable[[], None],
    reporter: Reporter,
) -> Path:
    """Converts a network and returns its directory in the cache.

    Args:
        network: the network.
        model: returns its model in this process; see `write_network`.
        meanwhile: what may be done while another process converts.
        reporter: told what takes long.

    Raises:
        Exception: of many kinds, if OpenVINO does not support all of the model's
            operations, or the cache cannot be written.
    """
    write = partial(write_network, network, model, meanwhile, reporter)
    return keep_network(network.key, write, reporter)


def keep_network(key: str, write: Callable[[Path], None], reporter: Reporter) -> Path:
    """Returns the directory of a network in the cache, and writes it if it is missing.

    Args:
        key: that of the network.
        write: writes `FILES` into an empty directory.
        reporter: warned of a directory that others can have written.

    Raises:
        ConfigError: if the cache directory cannot be created.
        Exception: what `write` raises, or the system if the cache cannot be written.
    """
    fill = partial(_fill, write)
    directory = cached_directory(cached_dir(key), fill, reporter, _is_whole)
    _mark_used(directory)
    _delete_least_recently_used(directory)
    return directory


def is_refusal(error: Exception) -> bool:
    """Tells whether a conversion failed because of the network, and always will.

    OpenVINO has an error of its own for operations that it cannot convert. Others may
    come from a full disk or memory, however their messages read.
    """
    unsupported = isinstance(error, openvino.frontend.OpConversionFailure)
    return unsupported and not is_out_of_memory(error)


def cached_dir(*parts: str) -> Path:
    """Returns a cache directory for these parts and the Keras and OpenVINO versions.

    Raises:
        ConfigError: if the cache directory cannot be created.
    """
    parts = (str(FORMAT), version("keras"), openvino.__version__, *parts)
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return cache_dir() / "engines" / name


def _fill(write: Callable[[Path], None], directory: Path) -> None:
    write(directory)
    hashes = {name: file_hash(directory / name) for name in FILES}
    (directory / MANIFEST).write_text(json_text(hashes), encoding="utf-8")


def _mark_used(directory: Path) -> None:
    with suppress(OSError):  # the cache may be read-only
        os.utime(directory)


def _delete_least_recently_used(directory: Path) -> None:
    """Deletes other networks until all take at most `CACHE_LIMIT_BYTES`."""
    others = [path for path in directory.parent.glob("[!.]*") if path != directory]
    others.sort(key=_last_used, reverse=True)
    total = _size_bytes(directory)
    for other in others:
        total += _size_bytes(other)
        if total > CACHE_LIMIT_BYTES:
            shutil.rmtree(other, ignore_errors=True)


def _last_used(directory: Path) -> float:
    try:
        return directory.stat().st_mtime
    except OSError:  # another process has just deleted it
        return 0.0


def _size_bytes(directory: Path) -> int:
    size_bytes = 0
    with suppress(OSError):  # another process has just deleted it
        for file in directory.iterdir():
            size_bytes += file.stat().st_size
    return size_bytes


def _is_whole(directory: Path) -> bool:
    try:
        manifest = read_json(directory / MANIFEST, dict[str, str])
        return manifest == {name: file_hash(directory / name) for name in FILES}
    except (OSError, ValueError):
        return False
