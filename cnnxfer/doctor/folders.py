"""The directories that cnnxfer reads and writes: their size, state and disk."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cnnxfer.backbones.weights import keras_models_dir
from cnnxfer.errors import ConfigError
from cnnxfer.files import cache_dir
from cnnxfer.hardware.probing import attempt

WALK_SECONDS = 0.15


@dataclass(frozen=True)
class Folder:
    """A directory that cnnxfer reads or writes.

    Attributes:
        writable: whether files can be made in it or, before it exists, whether it
            can be made.
        size_bytes: of the files in it; None where they were not counted.
        size_complete: False if counting was cut short, so that `size_bytes` is a
            lower bound.
        free_bytes: on the disk that holds it.
    """

    purpose: str
    path: Path
    exists: bool
    writable: bool
    size_bytes: int | None
    size_complete: bool
    free_bytes: int | None


def find_cache() -> tuple[Path | None, str]:
    """Returns cnnxfer's cache directory, or None and why it cannot be made."""
    try:
        return cache_dir(), ""
    except ConfigError as error:
        return None, str(error)


def find_folders(cache: Path | None, runs_dir: Path) -> tuple[Folder, ...]:
    """Returns those directories that can be looked at.

    Args:
        cache: cnnxfer's cache directory; None if there is none.
        runs_dir: where runs live.
    """
    tfds = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
    named = [
        ("cnnxfer cache", cache),
        ("Keras cache", keras_models_dir().parent),
        ("TFDS data sets", tfds),
        ("runs", runs_dir),
        ("working directory", Path()),
    ]
    folders = (
        attempt(partial(_folder, purpose, path))
        for purpose, path in named
        if path is not None
    )
    return tuple(folder for folder in folders if folder is not None)


def _folder(purpose: str, path: Path) -> Folder:
    path = path.expanduser().absolute()
    existing = next(place for place in (path, *path.parents) if os.path.exists(place))
    # The working directory may be a whole home directory: it is not walked.
    walked = purpose != "working directory"
    size_bytes, complete = _size(path) if walked else (None, True)
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
    """Adds up file sizes below `top` until done or `WALK_SECONDS` are over."""
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
        except OSError:  # gone meanwhile, or not ours to read
            continue
    return total, True
