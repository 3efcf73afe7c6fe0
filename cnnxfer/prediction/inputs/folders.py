"""A folder: the images in it and, if asked for, below it."""

from __future__ import annotations

import os
from collections.abc import Iterator

from cnnxfer.data.images.decode import SUFFIXES
from cnnxfer.data.images.names import is_hidden, names_image
from cnnxfer.data.images.source import ImageSource, of_file, unreadable
from cnnxfer.errors import DataError, reason_of
from cnnxfer.prediction.inputs.kinds import InputOptions


def check(item: str, options: InputOptions) -> None:
    """Refuses a folder that can't be listed or holds no image.

    Raises:
        DataError: with the next step.
    """
    try:
        os.scandir(item).close()
    except OSError as error:
        raise DataError(f"{item} cannot be listed: {reason_of(error)}.") from error
    if next(walk(item, options), None) is None:
        below = "" if options.recursive else " Look below it with --recursive."
        raise DataError(
            f"{item} holds no images; expected {', '.join(SUFFIXES)} files.{below}"
        )


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the images, sorted by name, those of a folder before those below it.

    Hidden files and folders are left out; links to folders are not followed. A folder
    below that can't be listed is an unreadable image in its place.
    """
    pending = [item]
    while pending:
        folder = pending.pop()
        try:
            names, subfolders = _list(folder)
        except OSError as error:
            yield unreadable(folder, f"cannot be listed: {reason_of(error)}")
            continue
        for name in names:
            yield of_file(os.path.join(folder, name))
        if options.recursive:
            below = (os.path.join(folder, name) for name in reversed(subfolders))
            pending.extend(below)


def count(item: str, options: InputOptions) -> int:
    """Returns how many images there are at present."""
    return sum(1 for _ in walk(item, options))


def _list(folder: str) -> tuple[list[str], list[str]]:
    """Returns the names of the images and of the folders in a folder, sorted."""
    names, subfolders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not is_hidden(entry.name):
                    subfolders.append(entry.name)
            # Of a link that leads in circles, `entry.is_dir` raises.
            elif names_image(entry.name) and not os.path.isdir(entry.path):
                names.append(entry.name)
    return sorted(names), sorted(subfolders)
