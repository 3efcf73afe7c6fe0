"""Examines this machine without importing TensorFlow or Keras."""

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
    """What `examine` has found; None stands for "unknown"."""

    cnnxfer: str  # version
    python: str  # version
    platform: str
    packages: Mapping[str, str | None]  # versions by name; None if it is not installed
    missing: tuple[str, ...] | None  # of cnnxfer; None if it is not installed
    extras: tuple[Extra, ...] | None  # likewise
    processor: Processor
    memory: Memory
    gpus: tuple[Gpu, ...] | None  # None if the driver does not answer
    cuda_libraries: bool | None  # whether those that TensorFlow needs are installed
    folders: tuple[Folder, ...]
    cache_error: str  # why cnnxfer's cache directory cannot be created, or ""
    weights: tuple[WeightsFile, ...] | None  # the pretrained weights on this machine
    weights_host: str  # the server from which weights are downloaded
    network: bool | None  # whether it answers; None if it was not asked


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
