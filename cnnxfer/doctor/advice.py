"""The problems of a machine, and what to do about them."""

import shlex
from collections.abc import Iterator

from cnnxfer.doctor.machine import Machine
from cnnxfer.files import format_bytes
from cnnxfer.spelling import option

LOW_DISK_BYTES = 2 * 10**9


def problems(machine: Machine) -> list[str]:
    """Returns the problems that keep cnnxfer from working, each with its solution."""
    found = []
    if machine.missing:
        found.append(
            f"Missing, or of another version: {', '.join(machine.missing)}. "
            f"Install with: pip install {shlex.join(machine.missing)}"
        )
    if machine.cache_error:
        found.append(machine.cache_error)
    for folder in machine.folders:
        if folder.purpose == "cnnxfer cache" and not folder.writable:
            found.append(
                f"The cache directory {folder.path} cannot be written. "
                "Set CNNXFER_CACHE to a directory that can."
            )
    return found


def hints(machine: Machine) -> list[str]:
    """Returns what would make cnnxfer work better here, and how to get it."""
    return list(_hints(machine))


def _hints(machine: Machine) -> Iterator[str]:
    if machine.missing is None:
        yield (
            "cnnxfer itself is not installed, so its requirements were not checked. "
            "In its source directory, type: pip install -e ."
        )
    if machine.gpus is None:
        yield (
            "nvidia-smi is installed but does not answer, so GPUs are unknown. "
            "Type nvidia-smi to see why."
        )
    elif machine.gpus and machine.cuda_libraries is False:
        yield (
            f"TensorFlow cannot use the {machine.gpus[0].name} without its CUDA "
            "libraries. Install them with: pip install 'cnnxfer[gpu]'"
        )
    for folder in machine.folders:
        if folder.purpose == "Keras cache" and not folder.writable:
            yield (
                f"{folder.path} cannot be written: weights that it lacks cannot be "
                "kept. To download some, set KERAS_HOME to a directory that can."
            )
        full = folder.free_bytes is not None and folder.free_bytes < LOW_DISK_BYTES
        if full and folder.purpose in ("cnnxfer cache", "working directory"):
            yield (
                f"Only {format_bytes(folder.free_bytes or 0)} of disk is left for "
                f"the {folder.purpose}, {folder.path}. Weights and activations can "
                f"take more than {format_bytes(LOW_DISK_BYTES)}: make room."
            )
    if machine.network is False:
        yield (
            f"{machine.weights_host} does not answer, so weights cannot be "
            "downloaded. Use a backbone whose weights are here, or give a file: "
            f"{option('--weights', 'FILE')}"
        )
