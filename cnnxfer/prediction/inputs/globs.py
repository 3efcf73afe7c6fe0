"""Expansion of glob patterns into the files and folders that they match."""

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass

from cnnxfer.data.images.folders import walk_folders
from cnnxfer.data.images.names import is_hidden, is_image_file
from cnnxfer.data.images.passed_over import CIRCULAR, HIDDEN, OTHER, PassedOver
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs.kinds import FILE, Kind, find_kind
from cnnxfer.registry import did_you_mean
from cnnxfer.texts import existing_form

ANY_FOLDERS = "**"


@dataclass(frozen=True)
class FoundInput:
    """An input with its kind; `typed` unless a pattern matched it."""

    kind: Kind
    item: str
    typed: bool = True


def resolve(item: str, passed_over: PassedOver) -> Iterator[FoundInput]:
    """Yields an input with its kind, or the sorted matches of a pattern with theirs.

    The name of an existing file or folder is never taken for a pattern. Of the files
    that a pattern matches, those that are no images are passed over; `**` matches
    folders without following links in circles.

    Raises:
        DataError: if nothing exists by that name, and no image and no other input
            matches.
    """
    item = existing_form(item)
    if kind := find_kind(item):
        yield FoundInput(kind, item)
        return
    passed_before = passed_over.total
    matches = sorted(_matches(item, passed_over)) if glob.has_magic(item) else []
    # `**` has matched the files in folders already.
    files = [match for match in matches if not os.path.isdir(match)]
    found = False
    for match in files if files and ANY_FOLDERS in item else matches:
        kind = find_kind(match) or FILE  # it may have been deleted since
        name = os.path.basename(match)
        # A pattern that begins with a dot asks for hidden files.
        if is_hidden(name) and not name.startswith("."):
            passed_over.add(HIDDEN, match)
            continue
        if kind is FILE and not is_image_file(match):
            passed_over.add(OTHER, match)
            continue
        found = True
        yield FoundInput(kind, match, typed=False)
    if not found:
        passed = passed_over.total > passed_before
        hint = f" ({passed_over.line()})." if passed else f".{hint_for(item)}"
        raise DataError(f"no file, folder or match for {item!r}{hint}")


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


def _matches(pattern: str, passed_over: PassedOver) -> set[str]:
    """Returns what a pattern matches, as `glob.glob` does, but for links in circles."""
    parts = pattern.split(os.sep)
    if ANY_FOLDERS not in parts:
        return set(glob.glob(pattern))
    place = parts.index(ANY_FOLDERS)
    above, below = os.sep.join(parts[:place]), os.sep.join(parts[place + 1 :])
    above = above or (os.sep if place else "")
    found: set[str] = set()
    for top in glob.glob(above) if above else [os.curdir]:
        for folder in walk_folders(top) if os.path.isdir(top) else ():
            path = os.path.relpath(folder.path) if not above else folder.path
            inside = "" if path == os.curdir else path
            for name in folder.circular:
                passed_over.add(CIRCULAR, os.path.join(inside, name))
            if below:
                deeper = os.path.join(glob.escape(inside), below)
                found |= _matches(deeper, passed_over)
            else:
                found |= {os.path.join(inside, name) for name in folder.files}
    return found
