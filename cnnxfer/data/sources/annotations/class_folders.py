"""Class folders that hold annotations, too: which of both a data set is."""

import os
from collections.abc import Collection, Iterable, Sequence

from cnnxfer.data.images.names import names_image
from cnnxfer.data.sources.annotations.pictures import is_plain
from cnnxfer.data.sources.layout import arrange
from cnnxfer.data.sources.split_folders import split_in
from cnnxfer.errors import DataError
from cnnxfer.reporting import SilentReporter


def in_class_folders(names: Sequence[str], root: str) -> list[str]:
    """Returns the names of the images in class folders; none if these are no classes.

    There must be two or more, and none may be called like a split, or `images`.

    Args:
        names: names of files relative to the root, with slashes.
        root: the folder.
    """
    try:
        layout = arrange(names, root, SilentReporter())
    except DataError:
        return []
    classes = layout.class_names
    if len(classes) < 2 or any(split_in(name) or is_plain(name) for name in classes):
        return []
    return [file.name for file in layout.files if names_image(file.name)]


def outnumber(
    images: Iterable[str], annotated: Collection[str], unread: int = 0
) -> bool:
    """Tells whether images in class folders are clearly more than those annotated.

    That is, there are more others than annotated ones. Pictures of the same stem are
    not counted: drawings of annotated images may lie in folders of their own.

    Args:
        images: names of images in class folders.
        annotated: names of annotated images.
        unread: how many more have annotations, which cannot be read.
    """
    stems = set(map(_stem, annotated))
    others = sum(_stem(name) not in stems for name in images)
    return others - unread > len(annotated) + unread


def _stem(name: str) -> str:
    return os.path.splitext(os.path.basename(name))[0]
