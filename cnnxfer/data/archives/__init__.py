"""Reads the files in zip and tar archives without unpacking them to disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, cast

from cnnxfer.errors import DataError, passing_reason

if TYPE_CHECKING:
    from cnnxfer.data.images.source import ImageSource

ZIP_SUFFIXES = (".zip",)
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
SUFFIXES = (*ZIP_SUFFIXES, *TAR_SUFFIXES)


def members(
    path: str, wanted: Callable[[str], bool], *, whole: bool = False
) -> Iterator[ImageSource]:
    """Yields the files in an archive, in the archive's order, named as in it.

    The archive is a zip, recognized by its suffix, or a tar, plain or compressed. A
    member that cannot be read, such as a link or an encrypted file, is an image source
    whose `read` raises a DataError with the reason.

    Unless all files are wanted `whole`, a member of over 64 KiB that begins as no image
    does cannot be read either, and its rest is not unpacked.

    Raises:
        Exception: an error of any type if the archive is damaged, or a DataError if it
            unpacks to too much or lists too many files; `archive_problem` returns its
            message.
    """
    kind = "zips" if path.lower().endswith(ZIP_SUFFIXES) else "tars"
    reader = import_module(f"cnnxfer.data.archives.{kind}")
    return cast("Iterator[ImageSource]", reader.members(path, wanted, whole))


def archive_problem(error: Exception) -> str:
    """Returns why an archive or a member is unreadable: a limit, the system, damage."""
    if isinstance(error, DataError):
        return str(error)
    damage = f"damaged archive: {' '.join(str(error).split())}"
    return passing_reason(error) or damage


def unreadable_archive(path: str, error: Exception) -> DataError:
    """Returns the error for an archive that a user named and that cannot be read."""
    next_step = "Download or pack it anew"
    if isinstance(error, DataError):
        next_step = "Unpack it, and give the folder"
    elif passing_reason(error):
        next_step = "Remove the reason, and try again"
    return DataError(f"{path} cannot be read: {archive_problem(error)}. {next_step}.")
