"""The process that converts a network: Keras computes with OpenVINO in it.

Keras has one backend in a process. That of OpenVINO builds a network and writes it in a
second, where the way through TensorFlow takes five to thirty.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cnnxfer.child_process import be_the_first_to_be_killed
from cnnxfer.keras_backend import UNUSED, imported_fast

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Reads a pickled function and a path; writes the network that it builds there.

    With a true value behind them, it also answers images, to be sure that it can.
    """
    be_the_first_to_be_killed()
    sys.modules["scipy.signal"] = ModuleType("scipy.signal")  # of Fourier transforms
    with imported_fast(*UNUSED):
        build: Callable[[], Any]
        build, path, is_tried = pickle.load(sys.stdin.buffer)
        convert(build(), Path(path))
        if is_tried:
            try_batches(Path(path))


def try_batches(path: Path) -> None:
    """Checks that a network answers several images as it answers one.

    Raises:
        ValueError: if it does not; OpenVINO raises other kinds if it cannot run.
    """
    import numpy as np

    from cnnxfer.engines.known_answers import are_known, formula_images
    from cnnxfer.engines.openvino_engine import OpenVinoEngine

    engine = OpenVinoEngine(path.parent, "float32", file=path.name)
    images = formula_images(engine.image_size)[:3]
    alone = np.concatenate(list(engine.run(images[:, None])))
    (together,) = engine.run([images])
    if not are_known(together, alone):
        raise ValueError("several images have other answers than each alone")


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
