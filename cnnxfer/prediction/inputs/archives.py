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
from cnnxfer.data.dataset import NOT_A_FILE, TOO_LARGE
from cnnxfer.data.images.names import (
    NOT_AN_IMAGE,
    begins_as_image,
    member_is_hidden,
    names_image,
)
from cnnxfer.data.images.passed_over import HIDDEN, OTHER, PassedOver
from cnnxfer.data.images.source import ImageSource, unreadable_source
from cnnxfer.errors import DataError

MAX_LOOKED_INTO = 1000  # files whose names tell nothing, to count images


def check(item: str, options: InputOptions) -> None:
    """Checks that an archive can be opened and holds an image; see `Reader.check`."""
    passed_over = PassedOver()
    try:
        first = next(_images(item, passed_over), None)
    except Exception as error:  # the parsers raise many kinds for a damaged file
        raise unreadable_archive(item, error) from error
    if first is None:
        line = passed_over.line()
        raise DataError(f"{item} holds no images{line and f' ({line})'}.")


def walk(
    item: str, options: InputOptions, passed_over: PassedOver
) -> Iterator[ImageSource]:
    """Yields the images in the archive's order, from all its folders.

    A file whose name is not an image's is read to tell whether it is one. A damaged
    part of the archive becomes an unreadable image. The name of an image is only shown,
    and never used as a path.
    """
    try:
        for member in _images(item, passed_over):
            yield replace(member, name=f"{item}/{member.name.removeprefix('./')}")
    except Exception as error:  # see check
        yield unreadable_source(item, archive_problem(error))
    finally:
        forget_opened()


def count(item: str, options: InputOptions) -> int | None:
    """Returns how many images a zip holds; None for a tar, which has no list.

    It is None, too, for a zip with many files whose names do not tell what they are.
    """
    if not item.lower().endswith(ZIP_SUFFIXES):
        return None
    images = looked_into = 0
    try:
        for member in members(item, lambda name: not member_is_hidden(name)):
            is_named = _names_image(member)
            images += is_named or _is_image(member)
            looked_into += not is_named
            if looked_into > MAX_LOOKED_INTO:
                return None
    except Exception:  # see check; `walk` reports one unreadable image
        images += 1
    return images


def _images(item: str, passed_over: PassedOver) -> Iterator[ImageSource]:
    def wanted(name: str) -> bool:
        if member_is_hidden(name):
            passed_over.add(HIDDEN, f"{item}/{name}")
            return False
        return True

    for member in members(item, wanted):
        if _names_image(member) or _is_image(member):
            yield member
        else:
            passed_over.add(OTHER, f"{item}/{member.name}")


def _names_image(member: ImageSource) -> bool:
    return names_image(member.name.replace("\\", "/").rpartition("/")[2])


def _is_image(member: ImageSource) -> bool:
    """Tells whether a file is an image by content, or cannot be read to know that."""
    try:
        return begins_as_image(member.read())
    except DataError as error:
        return not str(error).startswith((*NOT_AN_IMAGE, NOT_A_FILE, TOO_LARGE))
