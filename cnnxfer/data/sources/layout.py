"""The layout of class folders, wherever the files lie: on a disk or in an archive."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cnnxfer.data.dataset import TRAIN
from cnnxfer.data.images.names import is_hidden, names_image
from cnnxfer.data.sources.split_words import SPLITS
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter, counted

Parts = tuple[str, ...]  # of a name, between its slashes


@dataclass(frozen=True)
class Place:
    """Where a file stands in the layout.

    Attributes:
        name: as it was given.
        id: names the image within its data set, in letters that can be written.
        label: index into the layout's class names.
        split: the part of its split folder; None without split folders.
    """

    name: str
    id: str
    label: int
    split: str | None


@dataclass(frozen=True)
class Layout:
    """What the names of files say.

    Attributes:
        class_names: the names of the class folders, sorted.
        places: of the files in them, sorted by name.
        hidden: ids of hidden and system files, which were passed over; that of a
            folder ends in a slash and stands for all that is in it.
    """

    class_names: tuple[str, ...]
    places: tuple[Place, ...]
    hidden: tuple[str, ...]


def arrange(
    names: Iterable[str], root: str, reporter: Reporter, *, wrapped: bool = False
) -> Layout:
    """Finds class folders, and a level of split folders above them, by names alone.

    Classes are called as their folders; folders in them may be nested. Where there is
    a folder called train that holds folders, or another called val, valid, validation
    or test beside it, these are splits, and the class folders lie in them.

    Args:
        names: of files, relative to the root, with slashes; of folders, too, with one
            at the end, where those without files are to be known.
        root: how messages call the place.
        reporter: warned of images that lie outside of all class folders.
        wrapped: whether a folder that holds everything is looked through, as archives
            have one.

    Raises:
        DataError: if there is no file in a class folder, or split folders and class
            folders are mixed.
    """
    visible: dict[Parts, str] = {}
    hidden: dict[Parts, str] = {}
    for name in names:
        parts = tuple(name.split("/"))  # of a folder, the last one is empty
        outermost = next((i for i, part in enumerate(parts) if is_hidden(part)), None)
        if outermost is None:
            visible[parts] = name
        else:
            below = ("",) if len(parts) > outermost + 1 else ()
            hidden[(*parts[: outermost + 1], *below)] = name
    top = _wrapping(visible) if wrapped else ()
    begin = len(top)
    inner = sorted(parts[begin:] for parts in visible if parts[:begin] == top)
    root = "/".join((root.rstrip("/"), *top))
    depth = 2 if _has_splits(inner, root) else 1
    labels = {
        name: label
        for label, name in enumerate(
            sorted({written(parts[depth - 1]) for parts in inner if len(parts) > depth})
        )
    }
    places = tuple(
        Place(
            name=visible[(*top, *parts)],
            id=written("/".join(parts)),
            label=labels[written(parts[depth - 1])],
            split=SPLITS[parts[0].lower()] if depth == 2 else None,
        )
        for parts in inner
        if len(parts) > depth and parts[-1]
    )
    if not places:
        raise DataError(
            f"{root} holds no images in class folders; expected one folder a class, "
            f"such as {root}/rose/1.jpg."
        )
    _warn_of_others([parts for parts in inner if len(parts) <= depth], root, reporter)
    passed = (parts[begin:] if parts[:begin] == top else parts for parts in hidden)
    return Layout(
        class_names=tuple(labels),
        places=places,
        hidden=tuple(written("/".join(parts)) for parts in sorted(passed)),
    )


def _wrapping(names: Iterable[Parts]) -> Parts:
    """Returns the folders, one in the other, that hold nothing but the layout."""
    top: Parts = ()
    while True:
        depth = len(top)
        below = [parts[depth:] for parts in names if parts[:depth] == top]
        folders = _folders(below)
        if len(folders) != 1:
            return top
        (folder,) = folders
        inner = [parts[1:] for parts in below if parts[0] == folder]
        # A lone class, or the only part.
        if not _folders(inner) or folder.lower() in SPLITS:
            return top
        top = (*top, folder)


def _has_splits(names: Sequence[Parts], root: str) -> bool:
    """Tells whether the first folders are splits.

    Raises:
        DataError: if only some of them can be.
    """
    folders = _folders(names)
    splits = [folder for folder in folders if folder.lower() in SPLITS]
    holding = {parts[0] for parts in names if len(parts) > 2}  # folders
    train = [folder for folder in splits if SPLITS[folder.lower()] == TRAIN]
    # One class may be called "train": it holds files and stands among other classes.
    if not train or not (len(splits) > 1 or train[0] in holding):
        return False
    for folder in folders:
        if folder not in splits:
            raise DataError(
                f"{root}/{folder} lies beside {root}/{train[0]}, which is taken for a "
                "split; expected split folders (train, val, test) or class folders, "
                f"not both. Move or rename {folder}."
            )
        if folder not in holding:
            raise DataError(
                f"{root}/{folder} has no class folders; expected one folder a class, "
                f"such as {root}/{folder}/rose/1.jpg. Add them, or move {folder} away."
            )
    return True


def _folders(names: Iterable[Parts]) -> list[str]:
    return sorted({parts[0] for parts in names if len(parts) > 1})


def _warn_of_others(names: Sequence[Parts], root: str, reporter: Reporter) -> None:
    images = ["/".join(parts) for parts in names if names_image(parts[-1])]
    if images:
        reporter.warn(
            f"left out {counted(len(images), 'image')} of {root} outside of its class "
            f"folders, such as {images[0]}."
        )


def written(name: str) -> str:
    """Returns a file's name as it is written to a run's files, which are UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
