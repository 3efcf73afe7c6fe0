"""Entries of lists and tables: files, folders, archives and web addresses."""

import os
from collections.abc import Iterable, Iterator

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.data.images.source import ImageSource, unreadable_source
from cnnxfer.data.written_paths import QUOTES, WrittenPaths
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs.kinds import find_listed_kind, is_web_address


def walk_entry(
    entry: str, paths: WrittenPaths, options: InputOptions, passed_over: PassedOver
) -> Iterator[ImageSource]:
    """Yields the images that an entry of a list or a table refers to.

    An entry without images becomes one unreadable image, since the user did not type it
    and the other entries should be read.
    """
    found = False
    try:
        item = _meant(entry, paths)
    except DataError as error:
        yield unreadable_source(entry, str(error))
        return
    for source in find_listed_kind(item).load().walk(item, options, passed_over):
        found = True
        yield source
    if not found:
        yield unreadable_source(item, "holds no images")


def count_entries(
    entries: Iterable[str | None], paths: WrittenPaths, options: InputOptions
) -> int | None:
    """Returns how many images the entries refer to; None if that is slow to count.

    An entry that is None or holds no image counts as one unreadable image.
    """
    total = 0
    for entry in entries:
        count: int | None = 1
        if entry is not None:
            try:
                item = _meant(entry, paths)
                count = find_listed_kind(item).load().count(item, options)
            except DataError:  # it may mean several files
                pass
        if count is None:
            return None
        total += max(1, count)
    return total


def _meant(entry: str, paths: WrittenPaths) -> str:
    bare = entry.strip().strip(QUOTES)
    if is_web_address(bare):
        return bare
    path = paths.find(entry)
    whole = os.path.abspath(path)
    if whole == os.path.dirname(whole):
        raise DataError("the whole disk; expected a file or a folder on it")
    return path
