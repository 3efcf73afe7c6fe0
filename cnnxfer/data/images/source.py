"""An encoded image, wherever it is: a file, a member of an archive, a web address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cnnxfer.data.dataset import read_bytes
from cnnxfer.errors import DataError


@dataclass(frozen=True)
class ImageSource:
    """An encoded image, wherever it is.

    Attributes:
        name: what the output calls it.
        read: returns the encoded bytes, or raises DataError whose message is the
            reason alone.
        here: whether only this process can call `read` (bytes in memory, an open
            archive, the network). Others are read by the process that decodes them,
            so their `read` can be pickled.
        size_bytes: how much memory it takes here to read it, or it takes already; 0
            if that is not known.
    """

    name: str
    read: Callable[[], bytes]
    here: bool = False
    size_bytes: int = 0


def of_file(path: str) -> ImageSource:
    """Returns the image that a file holds, named as its path is written.

    The file isn't opened before it is read, so it need not exist.
    """
    return ImageSource(path, partial(read_bytes, Path(path)))


def unreadable(name: str, reason: str) -> ImageSource:
    """Returns what stands in the place of an image that there is no way to read.

    Args:
        name: what the output calls it.
        reason: what its `read` raises a DataError with.
    """
    return ImageSource(name, partial(_refuse, reason))


def _refuse(reason: str) -> bytes:
    raise DataError(reason)
