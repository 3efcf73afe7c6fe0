"""What is common to archives: damage is reported where it is met."""

from __future__ import annotations

from collections.abc import Iterator

from cnnxfer.data.image_source import ImageSource, unreadable
from cnnxfer.errors import DataError, reason_of


def check_members(item: str, members: Iterator[ImageSource]) -> None:
    """Refuses an archive that can't be opened or holds no image.

    Args:
        item: as typed.
        members: its images; raises whatever is wrong with the archive.

    Raises:
        DataError: with the next step.
    """
    try:
        first = next(members, None)
    except Exception as error:  # the parsers raise whatever they trip over
        raise DataError(f"{item} cannot be read: {_reason(error)}.") from error
    if first is None:
        raise DataError(f"{item} holds no images.")


def walk_members(item: str, members: Iterator[ImageSource]) -> Iterator[ImageSource]:
    """Yields the images, and an unreadable one in the place of damage."""
    try:
        yield from members
    except Exception as error:  # see check_members
        yield unreadable(item, _reason(error))


def member_name(item: str, name: str) -> str:
    """Returns what the output calls a member; it is never used as a path."""
    return f"{item}/{name.removeprefix('./')}"


def damage(error: Exception) -> str:
    """Returns the reason why an archive or a member of it is unreadable."""
    return f"damaged archive: {' '.join(str(error).split())}"


def _reason(error: Exception) -> str:
    return reason_of(error) if isinstance(error, OSError) else damage(error)
