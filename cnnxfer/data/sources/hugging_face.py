"""The source for data sets that Hugging Face's `datasets` saved to this disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.data.dataset import CLASSIFICATION, MULTI_LABEL, Dataset
from cnnxfer.data.sources.extras import require
from cnnxfer.data.sources.packed import copy_dir, ensure_copy, tell_of_labels
from cnnxfer.errors import DataError, reason_of
from cnnxfer.reporting import Reporter

if TYPE_CHECKING:
    from cnnxfer.data.sources.packed import Pack

FORM = "a folder saved by Hugging Face datasets"
# The files by which the library itself recognizes several saved splits, or one.
SPLITS_FILE = "dataset_dict.json"
ONE_SPLIT_FILES = ("dataset_info.json", "state.json")


def accepts(spec: str) -> bool:
    """Tells whether a specification is of this source, without reading data."""
    root = Path(spec)
    return (root / SPLITS_FILE).is_file() or all(
        (root / name).is_file() for name in ONE_SPLIT_FILES
    )


def check(spec: str) -> None:
    """Raises a ConfigError if the package `datasets` is not installed."""
    require(spec, "datasets", "hf")


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the data set that `save_to_disk` wrote; copies its images the first time.

    Nothing is downloaded, unpickled or run. Labels are a ClassLabel, a sequence of
    them (then the data set is multi-label), or a column called `label` or the like.

    Raises:
        DataError: if the data set is damaged, or has no images with labels.
        RunError: if the cache has no room for the images.
    """
    root = Path(spec).absolute()
    try:
        files = _files(root)
        state = _state(files)
        size_bytes = sum(path.stat().st_size for path in files)
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read: {reason_of(error)}."
        ) from error

    def fill(pack: Pack) -> object:
        # It takes a second to import, and is not needed once there is a copy.
        from cnnxfer.data.sources.hugging_face_copy import copy_set

        return copy_set(root, pack, reporter)

    directory = copy_dir("hugging-face", root.name, [os.fspath(root), state])
    copy = ensure_copy(directory, fill, reporter, size_bytes=size_bytes)
    tell_of_labels(copy.about, reporter)
    return Dataset(
        name=root.name,
        class_names=tuple(copy.about["class_names"]),
        examples=copy.examples,
        task=MULTI_LABEL if copy.about["multi_label"] else CLASSIFICATION,
    )


def _files(root: Path) -> list[Path]:
    return sorted(
        path
        for path in root.rglob("*")
        # The library writes caches and temporary files beside the data.
        if path.is_file() and not path.name.startswith(("cache-", "tmp", "."))
    )


def _state(files: Iterable[Path]) -> str:
    state = hashlib.sha256()
    for path in files:
        found = path.stat()
        state.update(os.fsencode(path))
        state.update(f" {found.st_size} {found.st_mtime_ns}\n".encode())
    return state.hexdigest()
