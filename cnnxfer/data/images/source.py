"""Encoded images that can be read: files, members of archives, web addresses."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cnnxfer.data.dataset import read_bytes
from cnnxfer.errors import DataError


@dataclass(frozen=True)
class ImageSource:
    """An encoded image that can be read, wherever it is."""

    name: str  # of the image in the output
    read: Callable[[], bytes]  # raises a DataError whose message is only the reason
    # Whether only this process can call `read` (bytes in memory, an open archive, the
    # network). Other images are read by the process that decodes them, so their `read`
    # must be picklable.
    here: bool = False
    # How much of this process's memory the encoded image takes, now or once it is read;
    # 0 if that is unknown, or if another process reads it.
    size_bytes: int = 0


def file_source(path: str) -> ImageSource:
    """Returns the image in a file; its name is the path, as it is written.

    The file is not opened before `read` is called, so it need not exist.
    """
    # Another process may read it, which began in another working directory.
    return ImageSource(path, partial(read_bytes, Path(path).absolute()))


def unreadable_source(name: str, reason: str) -> ImageSource:
    """Returns an image source whose `read` raises a DataError with this reason."""
    return ImageSource(name, partial(_refuse, reason))


def _refuse(reason: str) -> bytes:
    raise DataError(reason)
