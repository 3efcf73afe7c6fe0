"""Reader of the images in a folder and, if asked for, in the folders below it."""

import os
from collections.abc import Iterator

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.decode import SUFFIXES
from cnnxfer.data.images.names import is_hidden, names_image
from cnnxfer.data.images.source import ImageSource, file_source, unreadable_source
from cnnxfer.errors import DataError, reason_of
from cnnxfer.spelling import option


def check(item: str, options: InputOptions) -> None:
    """Checks that a folder can be listed and holds an image; see `Reader.check`."""
    try:
        os.scandir(item).close()
    except OSError as error:
        raise DataError(f"{item} cannot be listed: {reason_of(error)}.") from error
    if next(walk(item, options), None) is None:
        deeper = option("--recursive", True)
        below = "" if options.recursive else f" Look below it with {deeper}."
        raise DataError(
            f"{item} holds no images; expected {', '.join(SUFFIXES)} files.{below}"
        )


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the images sorted by name, those of a folder before those below it.

    Hidden files and folders are left out; links to folders are not followed. A
    subfolder that cannot be listed becomes an unreadable image.
    """
    pending = [item]
    while pending:
        folder = pending.pop()
        try:
            names, subfolders = _list(folder)
        except OSError as error:
            yield unreadable_source(folder, f"cannot be listed: {reason_of(error)}")
            continue
        for name in names:
            yield file_source(os.path.join(folder, name))
        if options.recursive:
            below = (os.path.join(folder, name) for name in reversed(subfolders))
            pending.extend(below)


def count(item: str, options: InputOptions) -> int:
    """Returns how many images the folder holds now."""
    return sum(1 for _ in walk(item, options))


def _list(folder: str) -> tuple[list[str], list[str]]:
    """Returns the sorted names of the images and of the subfolders in a folder."""
    names, subfolders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not is_hidden(entry.name):
                    subfolders.append(entry.name)
            # `entry.is_dir` would raise for a link that leads back to itself.
            elif names_image(entry.name) and not os.path.isdir(entry.path):
                names.append(entry.name)
    return sorted(names), sorted(subfolders)
