"""Reader of the images in zip and tar archives."""

from collections.abc import Iterator
from dataclasses import replace

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.archives import (
    ZIP_SUFFIXES,
    archive_problem,
    members,
    unreadable_archive,
)
from cnnxfer.data.archives.zips import forget_opened
from cnnxfer.data.images.names import member_names_image
from cnnxfer.data.images.source import ImageSource, unreadable_source
from cnnxfer.errors import DataError


def check(item: str, options: InputOptions) -> None:
    """Checks that an archive can be opened and holds an image; see `Reader.check`."""
    try:
        first = next(members(item, member_names_image), None)
    except Exception as error:  # the parsers raise many kinds for a damaged file
        raise unreadable_archive(item, error) from error
    if first is None:
        raise DataError(f"{item} holds no images.")


def walk(item: str, options: InputOptions) -> Iterator[ImageSource]:
    """Yields the images in the archive's order, from all its folders.

    A damaged part of the archive becomes an unreadable image. The name of an image is
    only shown, and never used as a path.
    """
    try:
        yield from _images(item)
    finally:
        forget_opened()


def count(item: str, options: InputOptions) -> int | None:
    """Returns how many images a zip holds; None for a tar, which has no list."""
    if not item.lower().endswith(ZIP_SUFFIXES):
        return None
    return sum(1 for _ in _images(item))


def _images(item: str) -> Iterator[ImageSource]:
    try:
        for member in members(item, member_names_image):
            yield replace(member, name=f"{item}/{member.name.removeprefix('./')}")
    except Exception as error:  # see check
        yield unreadable_source(item, archive_problem(error))
