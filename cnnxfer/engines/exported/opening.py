"""Opens an exported network in the runtime of its format."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cnnxfer.engines.engine import Engine, OwnEngine
from cnnxfer.engines.exported.manifest import EXTRA, FormatName, Manifest
from cnnxfer.errors import DataError, first_line
from cnnxfer.hardware.packages import require_packages
from cnnxfer.registry import load_object
from cnnxfer.tasks.catalog import TASKS

HERE = __package__
GREY = 128  # what the network is shown to see that it runs
# Of each format that no other engine than its own can run, that engine.
ENGINES: dict[FormatName, str] = {
    "savedmodel": f"{HERE}.saved_model:SavedModelEngine",
    "onnx": f"{HERE}.onnx_file:OnnxEngine",
    "openvino": f"{HERE}.openvino_file:OpenVinoFileEngine",
    "litert": f"{HERE}.litert_file:LiteRtEngine",
}
# The packages of these runtimes, some of which a user may lack.
RUNTIMES: dict[FormatName, str] = {
    "savedmodel": "tensorflow",
    "onnx": "onnxruntime",
    "openvino": "openvino",
    "litert": "ai_edge_litert",
}


def own_engine(folder: Path, manifest: Manifest) -> OwnEngine | None:
    """Returns the engine that runs an exported network; None if any engine may.

    Args:
        folder: where its files are, which have been checked.
        manifest: what belongs to it.

    Raises:
        ConfigError: if the runtime is not installed.
    """
    runtime = RUNTIMES.get(manifest.format)
    if runtime is None:
        return None
    require_packages([runtime], manifest.format, EXTRA)
    return OwnEngine(
        manifest.format,
        manifest.precision,
        f"{runtime} {version(runtime)}",
        partial(_open, folder, manifest),
    )


def _open(folder: Path, manifest: Manifest, batch_size: int | None) -> Engine:
    """Returns an engine that has answered once.

    Raises:
        DataError: if the runtime does not take the file.
    """
    engine = load_object(ENGINES[manifest.format])
    path = folder / manifest.file
    try:
        opened: Engine = engine(path, manifest, batch_size)
        side = manifest.image_size
        (answers,) = opened.run([np.full((1, side, side, 3), GREY, np.uint8)])
    except DataError:
        raise
    except Exception as error:  # runtimes raise many kinds for files they don't take
        raise DataError(
            f"{path} cannot be run: {first_line(error)}. Export the network again."
        ) from error
    task = TASKS.get(manifest.answers["task"])
    expected = task.output_shape(len(manifest.classes), side)
    if answers.shape[1:] != expected:
        raise DataError(
            f"{path} has outputs of the shape {answers.shape[1:]}, and its classes "
            f"need {expected}. Export the network again."
        )
    return opened
