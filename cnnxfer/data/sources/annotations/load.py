"""The source for files of boxes, and for folders that hold some."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cnnxfer.data.dataset import Dataset
from cnnxfer.data.images.names import is_hidden
from cnnxfer.data.sources.annotations import json_files, tables, voc, yolo
from cnnxfer.data.sources.annotations.annotated import AnnotatedImage, Reading
from cnnxfer.data.sources.annotations.class_folders import (
    in_class_folders,
    outnumber,
)
from cnnxfer.data.sources.annotations.dataset import assemble, why_empty
from cnnxfer.data.sources.annotations.pictures import Pictures
from cnnxfer.data.sources.layout import utf8_name
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter


@dataclass(frozen=True)
class Format:
    """Finds files of annotations by their names, and reads them.

    Attributes:
        find: returns some of the names of the files in a folder, given the folder too.
        read: yields what files say of images that exist.
    """

    find: Callable[[Sequence[str], str], list[str]]
    read: Callable[[Sequence[str], Reading], Iterator[AnnotatedImage]]


# The first that has images counts: what says most comes first.
FORMATS = (
    Format(yolo.find, yolo.read),
    Format(voc.find, voc.read),
    Format(json_files.find, json_files.read),
    Format(yolo.find_classes, yolo.read_classes),
    Format(tables.find, tables.read),
)


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the images that a JSON file, or the YAML of a YOLO data set, is about.

    Images are looked for beside the file, and where its folder has none, beside that.

    Raises:
        DataError: if the file is of another kind or broken, or no image exists.
    """
    root, file = os.path.split(spec)
    reading = Reading(root, (), Pictures(root), reporter)
    is_yaml = spec.lower().endswith(yolo.YAML)
    images = list((yolo.read if is_yaml else json_files.read)([spec], reading))
    if not reading.format and not reading.problems:
        raise DataError(
            f"{spec} is JSON of another kind; expected that of {json_files.EXPECTED}."
        )
    name = Path(root).resolve().name if is_yaml else os.path.splitext(file)[0]
    return assemble(images, reading, spec, utf8_name(name))


@dataclass(frozen=True)
class FolderAnnotations:
    """What annotations in a folder say of images in it, of which there are some."""

    root: str
    reading: Reading
    images: Sequence[AnnotatedImage]

    @property
    def paths(self) -> set[str]:
        """The paths of the images."""
        return {image.path for image in self.images}

    def dataset(self, reporter: Reporter) -> Dataset:
        """Returns the data set; see `assemble`."""
        name = utf8_name(Path(self.root).resolve().name)
        reading = replace(self.reading, reporter=reporter)
        return assemble(self.images, reading, self.root, name)


def in_folder(
    root: str, names: Sequence[str], reporter: Reporter
) -> FolderAnnotations | None:
    """Returns what annotations in a folder say; None if there are none of its images.

    The reporter is warned of annotations whose images don't exist, and of broken ones
    among the images of class folders, unless these are many.

    Args:
        root: the folder.
        names: the names of all files below it, relative and with slashes.
        reporter: shows messages.

    Raises:
        DataError: if there are annotations of images, and they cannot be read.
    """
    for reading, images in _read_folder(root, names, reporter):
        if images:
            return FolderAnnotations(root, reading, images)
        in_classes = in_class_folders(names, root)
        if (
            reading.format
            and reading.problems
            and not outnumber(in_classes, (), reading.unread)
        ):
            raise DataError(why_empty(reading, root))
        if reading.format or reading.problems:
            reporter.warn(why_empty(reading, root))
    return None


def _read_folder(
    root: str, names: Sequence[str], reporter: Reporter
) -> Iterator[tuple[Reading, list[AnnotatedImage]]]:
    """Yields what each format that is found says of images that exist."""
    visible = [name for name in names if not any(map(is_hidden, name.split("/")))]
    for kind in FORMATS:
        if files := kind.find(visible, root):
            reading = Reading(root, visible, Pictures(root, visible), reporter)
            paths = [os.path.join(root, name) for name in files]
            yield reading, list(kind.read(paths, reading))
