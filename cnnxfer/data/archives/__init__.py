"""Zip and tar archives: the files in them, read without unpacking them to a disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from cnnxfer.data.images.source import ImageSource

ZIP_SUFFIXES = (".zip",)
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
SUFFIXES = (*ZIP_SUFFIXES, *TAR_SUFFIXES)


def members(path: str, wanted: Callable[[str], bool]) -> Iterator[ImageSource]:
    """Yields the files in an archive, in its own order, by the names that it has.

    What can't be read of a sound archive, such as links and encrypted files, is an
    image whose `read` raises a DataError with the reason.

    Args:
        path: of a zip, by its suffix, or a tar, plain or compressed.
        wanted: tells by a file's name in the archive whether to yield it.

    Raises:
        Exception: whatever a parser trips over, when it does; `archive_problem` puts
            it into words.
    """
    kind = "zips" if path.lower().endswith(ZIP_SUFFIXES) else "tars"
    reader = import_module(f"cnnxfer.data.archives.{kind}")
    return cast("Iterator[ImageSource]", reader.members(path, wanted))
