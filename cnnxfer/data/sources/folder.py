"""A folder of class folders, with or without a level of split folders above."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.images.names import is_hidden
from cnnxfer.data.sources.layout import arrange, written
from cnnxfer.data.sources.split_words import SPLITS
from cnnxfer.errors import DataError, reason_of
from cnnxfer.reporting import Reporter


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists every file in the class folders of `spec`, sorted by name; see `arrange`.

    Hidden and system files and folders are passed over. Links to class folders are
    followed, and those further below are not.

    Raises:
        DataError: if there is no class folder or no file in any, or a folder cannot
            be read.
    """
    root = Path(spec)
    try:
        layout = arrange(_names(os.fspath(root)), os.fspath(root), reporter)
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read: {reason_of(error)}."
        ) from error
    return Dataset(
        name=written(root.resolve().name),
        class_names=layout.class_names,
        examples=tuple(
            Example(place.id, (place.label,), place.split, root / place.name)
            for place in layout.places
        ),
        hidden=layout.hidden,
    )


def _names(folder: str, prefix: str = "", links: bool = True) -> Iterator[str]:
    """Yields the names of files and folders below, as `arrange` takes them.

    Args:
        folder: to list.
        prefix: of its entries' names.
        links: whether links to folders are followed, or passed over.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            is_link = entry.is_symlink()
            # Of a link that leads in circles, `entry.is_dir` raises.
            if not (os.path.isdir(entry.path) if is_link else entry.is_dir()):
                yield name
            elif links or not is_link:
                yield f"{name}/"
                if not is_hidden(entry.name):
                    # Class folders in a split may be links; what is in a class, not.
                    is_split = not prefix and entry.name.lower() in SPLITS
                    yield from _names(entry.path, f"{name}/", links=is_split)
