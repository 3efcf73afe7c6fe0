"""Expansion of glob patterns into the files and folders that they match."""

import glob
import os
from collections.abc import Iterator

from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs.kinds import FILE, Kind, find_kind
from cnnxfer.registry import did_you_mean
from cnnxfer.texts import existing_form


def resolve(item: str) -> Iterator[tuple[Kind, str]]:
    """Yields an input with its kind, or the sorted matches of a pattern with theirs.

    The name of an existing file or folder is never taken for a pattern.

    Raises:
        DataError: if nothing exists by that name and nothing matches.
    """
    item = existing_form(item)
    if kind := find_kind(item):
        yield kind, item
        return
    matches = sorted(glob.glob(item, recursive=True)) if glob.has_magic(item) else []
    if not matches:
        raise DataError(f"no file, folder or match for {item!r}.{hint_for(item)}")
    # `**` matches the folders too, whose files it has matched already.
    files = [match for match in matches if not os.path.isdir(match)]
    for match in files or matches:
        yield find_kind(match) or FILE, match  # it may have been deleted since


def hint_for(path: str) -> str:
    """Returns a sentence about a missing path, after a space; "" if there is no hint.

    It names a file of a similar name, or says that the folder does not exist.
    """
    folder, name = os.path.split(path)
    if folder and not os.path.isdir(folder):
        return f" The folder {folder} does not exist."
    try:
        return did_you_mean(name, os.listdir(folder or "."))
    except OSError:
        return ""
