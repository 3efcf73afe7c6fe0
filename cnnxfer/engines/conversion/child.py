"""The process that converts a network: Keras computes with OpenVINO in it.

Keras has one backend in a process. That of OpenVINO builds a network and writes it in a
second, where the way through TensorFlow takes five to thirty.
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Keras imports them if they are there, and building networks takes none of them.
UNUSED = ("matplotlib", "pandas", "sklearn")


def main() -> None:
    """Reads a pickled function and a path; writes the network that it builds there."""
    build: Callable[[], Any]
    build, path = pickle.load(sys.stdin.buffer)
    os.environ["KERAS_BACKEND"] = "openvino"
    _leave_out_what_is_not_used()
    convert(build(), Path(path))


def convert(model: Any, path: Path) -> None:
    """Writes a Keras model in OpenVINO's format, free of what would slow it down.

    Args:
        model: the model, whose backend is OpenVINO.
        path: the `.xml` file; its weights are written beside it.
    """
    from openvino._offline_transformations import apply_moc_transformations

    from cnnxfer.engines.conversion.free_batch import free_batch
    from cnnxfer.engines.conversion.transposes import cancel_transposes
    from cnnxfer.engines.silent_openvino import openvino

    model.export(str(path), format="openvino", verbose=False)
    network = openvino.Core().read_model(path)
    free_batch(network)
    # Constants are computed before, and multiplied into weights behind.
    apply_moc_transformations(network, cf=False)
    cancel_transposes(network)
    apply_moc_transformations(network, cf=False)
    changed = path.with_name(f"changed-{path.name}")
    openvino.serialize(network, changed)
    del network  # it reads the first file
    for suffix in (".xml", ".bin"):
        changed.with_suffix(suffix).replace(path.with_suffix(suffix))


def _leave_out_what_is_not_used() -> None:
    """Has Keras take packages for missing that it imports for a second, for nothing."""
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]
    sys.modules["scipy.signal"] = ModuleType(
        "scipy.signal"
    )  # of its Fourier transforms
