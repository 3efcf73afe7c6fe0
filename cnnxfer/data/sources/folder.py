"""A folder of class folders, with or without a level of split folders above."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.errors import DataError, reason_of
from cnnxfer.reporting import Reporter

SPLITS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists every file in the class folders of `spec`, sorted by name.

    Classes are the folders' names, sorted; folders in them may be nested. Where
    `spec` has a folder called train that holds folders, or another called val, valid,
    validation or test beside it, these are splits, and the class folders lie in them.
    Hidden files and folders are left out.

    Raises:
        DataError: if there is no class folder or no file in any, or a folder cannot
            be read.
    """
    try:
        return _list(Path(spec))
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read: {reason_of(error)}."
        ) from error


def _list(root: Path) -> Dataset:
    parts: list[tuple[str | None, Path]] = [
        (SPLITS[path.name.lower()], path) for path in _split_folders(root)
    ]
    class_folders = [
        (split, folder)
        for split, part in parts or [(None, root)]
        for folder in _folders(part)
    ]
    class_names = sorted({_text(folder.name) for _, folder in class_folders})
    labels = {name: label for label, name in enumerate(class_names)}
    examples = tuple(
        Example(
            _text(path.relative_to(root).as_posix()),
            labels[_text(folder.name)],
            split,
            path,
        )
        for split, folder in class_folders
        for path in _files(folder)
    )
    if not examples:
        raise DataError(
            f"{root} holds no images in class folders; expected one folder a class, "
            f"such as {root / 'rose' / '1.jpg'}."
        )
    return Dataset(_text(root.resolve().name), tuple(class_names), examples)


def _split_folders(root: Path) -> list[Path]:
    """Returns the split folders of `root`, or nothing if its folders are classes."""
    folders = _folders(root)
    splits = [folder for folder in folders if folder.name.lower() in SPLITS]
    train = [folder for folder in splits if folder.name.lower() == "train"]
    # One class may be called "train": it holds files and stands among other classes.
    if not train or not (len(splits) > 1 or _folders(train[0])):
        return []
    for folder in folders:
        if folder not in splits:
            raise DataError(
                f"{folder} lies beside {train[0]}, which is taken for a split; "
                "expected split folders (train, val, test) or class folders, not both. "
                f"Move or rename {folder.name}."
            )
        if not _folders(folder):
            raise DataError(
                f"{folder} has no class folders; expected one folder a class, such as "
                f"{folder / 'rose' / '1.jpg'}. Add them, or move {folder.name} away."
            )
    return splits


def _folders(path: Path) -> list[Path]:
    return sorted(
        entry
        for entry in path.iterdir()
        if entry.is_dir() and not entry.name.startswith(".")
    )


def _files(folder: Path) -> Iterator[Path]:
    for directory, subfolders, names in os.walk(folder, onerror=_fail):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(directory, name)


def _fail(error: OSError) -> None:
    raise error


def _text(name: str) -> str:
    # A name that isn't UTF-8 could not be written to a run's files.
    return os.fsencode(name).decode("utf-8", "backslashreplace")
