"""The source for a folder of class folders, with or without split folders above."""

import os
from collections.abc import Iterator
from pathlib import Path

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.images.names import is_hidden
from cnnxfer.data.sources.layout import SPLIT_BY_WORD, arrange, utf8_name
from cnnxfer.errors import DataError, reason_of
from cnnxfer.reporting import Reporter


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists every file in the class folders of a folder, sorted by name.

    Classes and splits are found as `layout.arrange` describes. Hidden and system files
    and folders are left out. Links to class folders are followed; links inside of
    class folders are not.

    Raises:
        DataError: if there is no file in a class folder, or a folder cannot be read.
    """
    root = Path(spec)
    try:
        layout = arrange(_names(os.fspath(root)), os.fspath(root), reporter)
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read: {reason_of(error)}."
        ) from error
    return Dataset(
        name=utf8_name(root.resolve().name),
        class_names=layout.class_names,
        examples=tuple(
            Example(file.id, Labels((file.label,)), file.split, root / file.name)
            for file in layout.files
        ),
        hidden=layout.hidden,
    )


def _names(folder: str, prefix: str = "", links: bool = True) -> Iterator[str]:
    """Yields the names of all files and folders in a folder, as `arrange` takes them.

    `prefix` precedes the names; without `links`, links to folders are left out.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            is_link = entry.is_symlink()
            # `entry.is_dir` raises for a link that leads to itself.
            if not (os.path.isdir(entry.path) if is_link else entry.is_dir()):
                yield name
            elif links or not is_link:
                yield f"{name}/"
                if not is_hidden(entry.name):
                    # Class folders in a split may be links, folders in a class not.
                    is_split = not prefix and entry.name.lower() in SPLIT_BY_WORD
                    yield from _names(entry.path, f"{name}/", links=is_split)
