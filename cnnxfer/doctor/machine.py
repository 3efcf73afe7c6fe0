"""Examines this machine without importing TensorFlow or Keras."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cnnxfer.doctor.folders import Folder, find_cache, find_folders
from cnnxfer.doctor.local_weights import (
    WeightsFile,
    answers,
    find_weights_files,
    weights_address,
)
from cnnxfer.hardware.gpus import Gpu, find_gpus
from cnnxfer.hardware.packages import (
    PACKAGES,
    Extra,
    find_extras,
    has_cuda_libraries,
    installed_version,
    missing_requirements,
)
from cnnxfer.hardware.probing import attempt, in_background
from cnnxfer.hardware.processor import Memory, Processor, find_memory, find_processor
from cnnxfer.version import __version__

NETWORK_SECONDS = 1.5
GPU_SECONDS = 5.0


@dataclass(frozen=True)
class Machine:
    """What `examine` has found; None stands for "unknown".

    Attributes:
        cnnxfer: the version of cnnxfer.
        python: the version of Python.
        platform: the operating system.
        packages: the versions of installed packages by name; None for a package that
            is not installed.
        missing: the requirements of cnnxfer that are missing or have another version;
            None if cnnxfer itself is not installed.
        extras: the extras of cnnxfer; None if cnnxfer itself is not installed.
        processor: the processor.
        memory: the main memory.
        gpus: the NVIDIA GPUs; None if the driver does not answer.
        cuda_libraries: whether the libraries that TensorFlow needs to use a GPU
            are installed as packages.
        folders: the directories that cnnxfer reads and writes.
        cache_error: why cnnxfer's cache directory cannot be created, or "".
        weights: the pretrained weights on this machine.
        weights_host: the server from which weights are downloaded.
        network: whether `weights_host` answers; None if it was not asked.
    """

    cnnxfer: str
    python: str
    platform: str
    packages: Mapping[str, str | None]
    missing: tuple[str, ...] | None
    extras: tuple[Extra, ...] | None
    processor: Processor
    memory: Memory
    gpus: tuple[Gpu, ...] | None
    cuda_libraries: bool | None
    folders: tuple[Folder, ...]
    cache_error: str
    weights: tuple[WeightsFile, ...] | None
    weights_host: str
    network: bool | None


def examine(runs_dir: Path, *, offline: bool = False) -> Machine:
    """Examines this machine, usually in less than a second."""
    host, port = weights_address()
    network = (
        None
        if offline
        else in_background(partial(answers, host, port), NETWORK_SECONDS)
    )
    gpus = in_background(find_gpus, GPU_SECONDS)
    cache, cache_error = find_cache()
    return Machine(
        cnnxfer=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        packages={name: installed_version(name) for name in PACKAGES},
        missing=attempt(lambda: missing_requirements("cnnxfer")),
        extras=attempt(find_extras),
        processor=find_processor(),
        memory=find_memory(),
        cuda_libraries=attempt(has_cuda_libraries),
        folders=find_folders(cache, runs_dir),
        cache_error=cache_error,
        weights=attempt(find_weights_files),
        gpus=gpus(),
        weights_host=host,
        network=None if network is None else bool(network()),
    )
