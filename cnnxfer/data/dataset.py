"""Labelled images: where they lie, and what one reading of them tells."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from cnnxfer.errors import DataError, reason_of

MAX_BYTES = 512 * 1024 * 1024
MAX_PIXELS = 200_000_000  # the largest sensors of telephones have as many
# Why something is not read as an image.
TOO_LARGE = f"too large: over {MAX_BYTES // 2**20} MiB, the limit"
NO_FILE = "not a file"


@dataclass(frozen=True)
class Example:
    """A labelled image, where it lies.

    Attributes:
        id: names the image within its data set, the same on every machine.
        label: index into the class names.
        split: the part that the data set itself puts it in: "train", "validation",
            "test", or None.
        path: the file that holds it.
        offset: where in the file it begins, in bytes.
        size_bytes: how long it is; None for the whole file.
        sha256: of the encoded image, in hexadecimal; empty until it has been read.
    """

    id: str
    label: int
    split: str | None
    path: Path
    offset: int = 0
    size_bytes: int | None = None
    sha256: str = ""

    def read(self) -> bytes:
        """Returns the encoded image.

        Raises:
            DataError: if the file cannot be read; the message is the reason.
        """
        return read_bytes(self.path, self.offset, self.size_bytes)


@dataclass(frozen=True)
class Dataset:
    """What a source yields.

    Attributes:
        name: short, for the names of runs.
        class_names: in label order.
        examples: in the source's own order.
        shuffled: whether that order is already mixed, so that slices of it are
            fair samples.
        title: how messages call it; empty for its name.
    """

    name: str
    class_names: tuple[str, ...]
    examples: tuple[Example, ...]
    shuffled: bool = False
    title: str = ""


@dataclass(frozen=True)
class IndexRow:
    """An example with what one reading of it tells.

    Width and height are upright, in pixels; `problem` is None for a sound image, which
    alone has a size and a format.
    """

    example: Example
    width: int = 0
    height: int = 0
    format: str = ""
    problem: str | None = None

    @property
    def sha256(self) -> str:
        """Of the encoded image; empty if it could not be read."""
        return self.example.sha256


def read_bytes(path: Path, offset: int = 0, size_bytes: int | None = None) -> bytes:
    """Reads an encoded image, or part of a file that holds many.

    Raises:
        DataError: if it cannot be read or is over 512 MiB; the message is the reason.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would keep us waiting
            raise DataError(NO_FILE)
        size_bytes = found.st_size if size_bytes is None else size_bytes
        if size_bytes > MAX_BYTES:
            raise DataError(TOO_LARGE)
        with path.open("rb") as stream:
            stream.seek(offset)
            return stream.read(size_bytes)
    except OSError as error:
        raise DataError(reason_of(error)) from error
    except ValueError as error:  # a NUL in the name
        raise DataError(str(error)) from error
