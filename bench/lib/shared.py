"""The folder of photographs, data sets and weights that benchmarks and tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]


def shared_dir() -> Path | None:
    """Returns the shared folder, if this machine has it.

    It is `CNNXFER_SHARED`, or `shared` beside the repository.
    """
    path = Path(os.environ.get("CNNXFER_SHARED") or ROOT.parent / "shared")
    return path if path.is_dir() else None


@contextmanager
def lend_shared() -> Iterator[None]:
    """Lets TensorFlow Datasets and Keras find the shared data and weights.

    TFDS_DATA_DIR and KERAS_HOME stay as they are where they are set. Keras gets a
    copy, as it passes over a folder that it may not write to.
    """
    shared = shared_dir()
    if shared is None:
        yield
        return
    os.environ.setdefault("TFDS_DATA_DIR", str(shared / "data" / "tfds"))
    with TemporaryDirectory() as copy:
        shutil.copytree(shared / "weights" / "keras", copy, dirs_exist_ok=True)
        os.environ.setdefault("KERAS_HOME", copy)
        yield


def shared_data(name: str) -> Path:
    """Returns the path of a data set in the shared folder.

    Raises:
        SystemExit: if it is not on this machine.
    """
    shared = shared_dir()
    path = shared / "data" / name if shared else None
    if path is None or not path.exists():
        raise SystemExit(
            f"found no data/{name}. It is read from the folder that CNNXFER_SHARED "
            "names, or from shared beside the repository."
        )
    return path
