"""Files, folders and globs to a list of images."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cnnxfer.data.decode import SUFFIXES
from cnnxfer.errors import DataError
from cnnxfer.registry import did_you_mean

# Named by `predict` though it cannot decode them: nobody should take them for done.
OTHER_IMAGE_SUFFIXES = (".avif", ".heic", ".heif", ".jp2", ".jxl", ".tif", ".tiff")


def find_images(inputs: Sequence[str]) -> list[Path]:
    """Returns the images that the inputs mean, in their order, folders sorted.

    A file that is named is taken whatever its suffix; in folders, suffixes of images
    count. Hidden files are left out.

    Raises:
        DataError: if an input does not exist, holds no image or cannot be listed.
    """
    return [path for item in inputs for path in _expand(item)]


def _expand(item: str) -> list[Path]:
    if os.path.isdir(item):
        found = list(_walk(Path(item)))
        if not found:
            raise DataError(
                f"{item} holds no images; expected {', '.join(SUFFIXES)} files."
            )
        return found
    if os.path.lexists(item):  # a dangling link is reported in its place
        return [Path(item)]
    matches = sorted(glob.glob(item, recursive=True)) if glob.has_magic(item) else []
    if not matches:
        raise DataError(f"no file, folder or match for {item!r}.{_near(Path(item))}")
    # `**` matches the folders too, whose files it has matched already.
    files = [Path(match) for match in matches if not os.path.isdir(match)]
    return files or find_images(matches)


def _walk(folder: Path) -> Iterator[Path]:
    suffixes = SUFFIXES + OTHER_IMAGE_SUFFIXES
    for directory, subfolders, names in os.walk(folder, onerror=_refuse):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and name.lower().endswith(suffixes):
                yield Path(directory, name)


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename} cannot be listed: {error.strerror}.") from error


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f" There is no folder {path.parent}."
    return did_you_mean(path.name, (entry.name for entry in path.parent.iterdir()))
