"""Labelled images: where they lie, and what one reading of them tells."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cnnxfer.errors import DataError, reason_of

MAX_BYTES = 512 * 1024 * 1024
MAX_PIXELS = 200_000_000  # the largest sensors of telephones have as many
# Why something is not read as an image.
TOO_LARGE = f"too large: over {MAX_BYTES // 2**20} MiB, the limit"
NO_FILE = "not a file"
TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = (TRAIN, VALIDATION, TEST)
DIVIDER = "|"  # between the labels of an image, in tables


@dataclass(frozen=True)
class Example:
    """A labelled image, where it lies.

    Attributes:
        id: names the image within its data set, the same on every machine.
        labels: indices into the class names: one, unless the set is multi-label.
        split: the part that the data set itself puts it in: "train", "validation",
            "test", or None.
        path: the file that holds it.
        offset: where in the file it begins, in bytes.
        size_bytes: how long it is; None for the whole file.
        sha256: of the encoded image, in hexadecimal; empty until it has been read.
    """

    id: str
    labels: tuple[int, ...]
    split: str | None
    path: Path
    offset: int = 0
    size_bytes: int | None = None
    sha256: str = ""

    @property
    def label(self) -> int:
        """The only one, of a set that isn't multi-label."""
        (label,) = self.labels
        return label

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
        multi_label: whether an image may have any number of labels.
        columns: what else a table tells of its images, beside `examples`, by name.
        hidden: what was passed over: hidden and system files, by the ids they would
            have.
    """

    name: str
    class_names: tuple[str, ...]
    examples: tuple[Example, ...]
    shuffled: bool = False
    title: str = ""
    multi_label: bool = False
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class IndexRow:
    """An example with what one reading of it tells.

    A sound image alone, one without a problem, has all but the example.

    Attributes:
        example: the image.
        width: of the upright picture, in pixels.
        height: the same.
        format: Pillow's name of it.
        problem: why it cannot be used; None for a sound image.
        mode: how its pixels are stored, in Pillow's words: RGB, L, CMYK, P, RGBA.
        orientation: EXIF's, 1 to 8; 1 is upright.
        frames: how many it has; the first is the one that is used.
        grey: whether no pixel of it has a colour.
        phash: perceptual hash, in hexadecimal; near for pictures that look alike.
    """

    example: Example
    width: int = 0
    height: int = 0
    format: str = ""
    problem: str | None = None
    mode: str = ""
    orientation: int = 1
    frames: int = 1
    grey: bool = False
    phash: str = ""

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
