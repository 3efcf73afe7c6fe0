"""The directories that cnnxfer reads and writes: their size, state and disk space."""

import os
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cnnxfer.backbones.weight_files import keras_models_dir
from cnnxfer.cache import cache_dir
from cnnxfer.errors import ConfigError
from cnnxfer.hardware.probing import attempt

WALK_SECONDS = 0.15


@dataclass(frozen=True)
class Folder:
    """A directory that cnnxfer reads or writes."""

    purpose: str  # such as "Keras cache"
    path: Path  # absolute
    exists: bool
    writable: bool  # whether files, or the directory itself, can be created
    size_bytes: int | None  # of all its files; None if they were not counted
    size_complete: bool  # False if counting took too long: a lower bound
    free_bytes: int | None  # of its disk; None if it cannot be read


def find_cache() -> tuple[Path | None, str]:
    """Returns cnnxfer's cache directory, or None and why it cannot be created."""
    try:
        return cache_dir(), ""
    except ConfigError as error:
        return None, str(error)


def find_folders(cache: Path | None, runs_dir: Path) -> tuple[Folder, ...]:
    """Returns the directories of cnnxfer, without those that cannot be examined."""
    tfds = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
    purposes = [
        ("cnnxfer cache", cache),
        ("Keras cache", attempt(lambda: keras_models_dir().parent)),
        ("TFDS data sets", tfds),
        ("runs", runs_dir),
        ("working directory", Path()),
    ]
    folders = (
        attempt(partial(_folder, purpose, path))
        for purpose, path in purposes
        if path is not None
    )
    return tuple(folder for folder in folders if folder is not None)


def _folder(purpose: str, path: Path) -> Folder:
    path = path.expanduser().absolute()
    existing = next(
        parent for parent in (path, *path.parents) if os.path.exists(parent)
    )
    # The working directory may be a whole home directory, so it is not counted.
    counted = purpose != "working directory"
    size_bytes, complete = _size(path) if counted else (None, True)
    return Folder(
        purpose=purpose,
        path=path,
        exists=os.path.isdir(path),
        writable=os.path.isdir(existing) and os.access(existing, os.W_OK | os.X_OK),
        size_bytes=size_bytes,
        size_complete=complete,
        free_bytes=attempt(lambda: shutil.disk_usage(existing).free),
    )


def _size(top: Path) -> tuple[int, bool]:
    """Adds up the file sizes below `top`, for at most `WALK_SECONDS`."""
    deadline = time.monotonic() + WALK_SECONDS
    total = 0
    waiting = [os.fspath(top)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if time.monotonic() > deadline:
                        return total, False
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:  # removed in the meantime, or not readable
            continue
    return total, True
