"""Entries of lists and tables: files, folders, archives and web addresses."""

from collections.abc import Iterable, Iterator

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.source import ImageSource, unreadable_source
from cnnxfer.prediction.inputs.kinds import find_listed_kind


def walk_entry(entry: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the images that an entry of a list or a table refers to.

    An entry without images becomes one unreadable image, since the user did not type it
    and the other entries should be read.
    """
    found = False
    for source in find_listed_kind(entry).load().walk(entry, options):
        found = True
        yield source
    if not found:
        yield unreadable_source(entry, "holds no images")


def count_entries(entries: Iterable[str | None], options: InputOptions) -> int | None:
    """Returns how many images the entries refer to; None if that is slow to count.

    An entry that is None or holds no image counts as one unreadable image.
    """
    total = 0
    for entry in entries:
        if entry is None:
            total += 1
            continue
        count = find_listed_kind(entry).load().count(entry, options)
        if count is None:
            return None
        total += max(1, count)
    return total
