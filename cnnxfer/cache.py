"""The cache directory, and directories in it that are complete or absent."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import platformdirs

from cnnxfer.errors import ConfigError
from cnnxfer.files import TEMPORARY, flush, user_dir


def cache_dir() -> Path:
    """Returns cnnxfer's cache directory, and creates it if it does not exist.

    It is `CNNXFER_CACHE`, or else the user's cache directory.

    Raises:
        ConfigError: if it cannot be created.
    """
    path = user_dir("CNNXFER_CACHE", partial(platformdirs.user_cache_dir, "cnnxfer"))
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the cache directory {path} cannot be created ({error.strerror}). "
            "Set CNNXFER_CACHE to a directory that can be written."
        ) from error
    return path


def cached_directory(path: Path, fill: Callable[[Path], None]) -> Path:
    """Returns `path`, and fills it with `fill(directory)` first if it does not exist.

    The directory is filled under a temporary name and then renamed, so that it is
    complete whenever it exists. A second process that needs it at the same time
    waits for the first.
    """
    if path.exists():  # reading needs no lock
        return path
    from filelock import FileLock  # slow to import

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{path.name}"
    with FileLock(path.parent / f".{path.name}.lock"):
        shutil.rmtree(temporary, ignore_errors=True)  # left by a killed process
        if not path.exists():
            try:
                temporary.mkdir()
                fill(temporary)
                for directory, _, names in os.walk(temporary):
                    for name in names:
                        flush(Path(directory, name))
                os.replace(temporary, path)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return path
