"""The data set's types: labelled images, where they lie, and what reading them told."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cnnxfer.data.annotation import Annotation
from cnnxfer.errors import DataError, PassingError, reason_of
from cnnxfer.reporting import Reporter

MAX_BYTES = 512 * 1024 * 1024
# Reasons why a file is not read as an image.
TOO_LARGE = f"too large: over {MAX_BYTES // 2**20} MiB, the limit"
NOT_A_FILE = "not a file"
TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
# Names of tasks that data may suit: one label an image, or any number of them.
CLASSIFICATION, MULTI_LABEL = "classification", "multi-label"
LOCALIZATION, DETECTION = "localization", "detection"
SEGMENTATION = "segmentation"


@dataclass(frozen=True, slots=True)
class Example:
    """An annotated image, and the file that holds it.

    Attributes:
        id: identifies the image within its data set, the same on every machine.
        annotation: what the data set knows of the image, such as its labels.
        split: the split that the data set itself puts the image in: "train",
            "validation" or "test"; None if it has no splits.
        path: the file that holds the image.
        offset: where in the file the image begins, in bytes.
        size_bytes: the length of the encoded image; None for the whole file.
        sha256: the SHA-256 of the encoded image, in hexadecimal; empty until it has
            been read.
    """

    id: str
    annotation: Annotation
    split: str | None
    path: Path
    offset: int = 0
    size_bytes: int | None = None
    sha256: str = ""

    @property
    def labels(self) -> tuple[int, ...]:
        """The classes that the image shows, as indices into the class names."""
        return self.annotation.labels

    @property
    def label(self) -> int:
        """The label of an image that has exactly one."""
        (label,) = self.labels
        return label

    def read(self) -> bytes:
        """Returns the encoded image.

        Raises:
            DataError: if the file cannot be read; the message is only the reason.
        """
        return read_bytes(self.path, self.offset, self.size_bytes)


@dataclass(frozen=True)
class Dataset:
    """The labelled images of a data specification, as its source lists them.

    Attributes:
        name: a short name, which names of runs begin with.
        class_names: the names of the classes, in label order.
        examples: the images, in the source's own order.
        shuffled: whether that order is random, so that slices of it are fair samples.
        title: the name that messages use; empty for `name`.
        task: the name of the task that the images suit.
        columns: the values of a table's other columns, by the column's name; each has
            a value for every example.
        hidden: the ids of hidden and system files, which were left out.
        outside: the ids of files outside of all class folders, but for images.
        circular: the ids of links to folders that would lead around in circles.
        others: by the names of tasks that the data suits as well, functions that list
            it for them, such as by its masks where it is listed by its boxes.
        problem: why it cannot be used for its own task, though it can for `others`; ""
            if it can.
    """

    name: str
    class_names: tuple[str, ...]
    examples: tuple[Example, ...]
    shuffled: bool = False
    title: str = ""
    task: str = CLASSIFICATION
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    circular: tuple[str, ...] = ()
    others: Mapping[str, Callable[[Reporter], Dataset]] = field(
        default_factory=dict, compare=False
    )
    problem: str = ""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """An example with what reading it once has told.

    If the image has a problem, the other attributes keep their defaults.

    Attributes:
        example: the image.
        width: the width of the upright image, in pixels.
        height: the height of the upright image, in pixels.
        format: the format of the file, as Pillow names it.
        problem: why the image cannot be used; None if it can.
        mode: how its pixels are stored, as Pillow names it: RGB, L, CMYK, P, RGBA.
        orientation: the EXIF orientation, 1 to 8; 1 is upright.
        frames: the number of frames or pages; only the first one is used.
        grey: whether no pixel of the image has a colour.
        phash: the perceptual hash, in hexadecimal; similar for images that look alike,
            and empty for an image with too little detail or too few pixels.
        dim: whether its pixels have 16 bits or more and use only the lowest ones, so
            that the image looks black.
        passing: whether the problem may not lie in the image, but in a lack of memory
            or time, in permissions, or in a missing library.
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
    dim: bool = False
    passing: bool = False

    @property
    def sha256(self) -> str:
        """The SHA-256 of the encoded image; empty if it could not be read."""
        return self.example.sha256


def read_bytes(path: Path, offset: int = 0, size_bytes: int | None = None) -> bytes:
    """Returns an encoded image: a whole file, or a section of one that holds many.

    Args:
        path: the file.
        offset: where the image begins, in bytes.
        size_bytes: the length of the image; None for the size of the file.

    Raises:
        DataError: if it is not a file, or the image is over 512 MiB; the message is
            only the reason.
        PassingError: if the system refuses to read it; the message is only the reason.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # reading from a pipe would wait
            raise DataError(NOT_A_FILE)
        size_bytes = found.st_size if size_bytes is None else size_bytes
        if size_bytes > MAX_BYTES:
            raise DataError(TOO_LARGE)
        with path.open("rb") as stream:
            stream.seek(offset)
            return stream.read(size_bytes)
    except OSError as error:
        raise PassingError(reason_of(error)) from error
    except ValueError as error:  # a NUL in the name
        raise DataError(str(error)) from error
