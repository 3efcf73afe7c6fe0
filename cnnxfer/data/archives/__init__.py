"""Reads the files in zip and tar archives without unpacking them to disk."""

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
    """Yields the files in an archive, in the archive's order.

    A member that cannot be read, such as a link or an encrypted file, is an image
    source whose `read` raises a DataError with the reason.

    Args:
        path: the path of a zip, recognized by its suffix, or of a tar, plain or
            compressed.
        wanted: tells by a file's name in the archive whether to yield it.

    Yields:
        Image sources, named as in the archive.

    Raises:
        Exception: an error of any type if the archive is damaged; `archive_problem`
            returns its message.
    """
    kind = "zips" if path.lower().endswith(ZIP_SUFFIXES) else "tars"
    reader = import_module(f"cnnxfer.data.archives.{kind}")
    return cast("Iterator[ImageSource]", reader.members(path, wanted))
