"""Finds class folders and split folders in a list of file names."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cnnxfer.data import archives, tables
from cnnxfer.data.dataset import TRAIN
from cnnxfer.data.images.names import is_hidden, names_image
from cnnxfer.data.sources.split_folders import (
    SPLIT_BY_WORD,
    Folders,
    Parts,
    SplitFolder,
    by_folder,
    find_split_folders,
    only_folder,
    refuse_splits_in_classes,
)
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter, counted

MAX_SHOWN = 4  # names in a message


@dataclass(frozen=True)
class PlacedFile:
    """A file in a class folder."""

    name: str  # as it was passed to `arrange`
    id: str  # the name relative to the root, as valid UTF-8
    label: int  # index into the layout's class names
    split: str | None  # "train", "validation" or "test"; None without split folders


@dataclass(frozen=True)
class Layout:
    """The classes and images that a list of file names describes, sorted by name."""

    class_names: tuple[str, ...]
    files: tuple[PlacedFile, ...]
    # Ids of hidden and system files, which were left out; the id of a folder ends in a
    # slash and stands for all files in it.
    hidden: tuple[str, ...]
    outside: tuple[str, ...]  # ids of files outside of class folders, but for images


def arrange(names: Iterable[str], root: str, reporter: Reporter) -> Layout:
    """Finds class folders, and split folders above them, from file names alone.

    A class has the name of its folder, which may hold further folders. Which folders
    are splits is described at `find_split_folders`; then the class folders lie in the
    split folders. A single folder around everything is ignored, and so is one in each
    split folder; folders of other files beside them don't count. The reporter tells
    what was not plain, and warns of images outside of all class folders.

    Args:
        names: names of files, relative to the root, with slashes. A name that ends in
            a slash is a folder, so that empty class folders can be listed too.
        root: the folder, archive or address that messages name.
        reporter: shows messages.

    Raises:
        DataError: if no file lies in a class folder, or it is not clear which folders
            are splits and which are classes.
    """
    visible, hidden = _parted(names)
    images = _likely_images(visible)
    top = _wrapping(images)
    begin = len(top)
    inner = sorted(parts[begin:] for parts in visible if parts[:begin] == top)
    if top:
        reporter.info(f"{root.rstrip('/')}: all class folders are in {'/'.join(top)}")
    root = "/".join((root.rstrip("/"), *top))
    with_images = by_folder(parts[begin:] for parts in images if parts[:begin] == top)
    folders = {
        name: names
        for name, names in by_folder(inner).items()
        if name in with_images or name.lower() in SPLIT_BY_WORD
    }
    hint = _hint((parts for parts in inner if len(parts) == 1), root)
    splits = find_split_folders(folders, root, hint)
    if splits:
        _tell_of_splits(splits, root, reporter)
    else:
        refuse_splits_in_classes(folders, root)
        _warn_of_same_folders(folders, root, reporter)
    placed, others = _placed(inner, splits)
    others += sorted(parts for parts in visible if parts[:begin] != top)
    labels = {
        name: label for label, name in enumerate(sorted({name for _, name in placed}))
    }
    files = tuple(
        PlacedFile(
            name=visible[(*top, *parts)],
            id=utf8_name("/".join(parts)),
            label=labels[name],
            split=splits[parts[0]].split if splits else None,
        )
        for parts, name in placed
        if parts[-1]
    )
    if not files:
        raise DataError(
            f"{root} holds no images in class folders; expected one folder a class, "
            f"such as {root}/rose/1.jpg.{hint or _hint(others, root)}"
        )
    if len(labels) == 1 and hint:
        reporter.warn(f"{root} holds one class, {next(iter(labels))}.{hint}")
    _warn_of_images(others, root, reporter)
    left_out = (parts[begin:] if parts[:begin] == top else parts for parts in hidden)
    return Layout(
        class_names=tuple(labels),
        files=files,
        hidden=tuple(utf8_name("/".join(parts)) for parts in sorted(left_out)),
        outside=tuple(
            utf8_name("/".join(parts))
            for parts in others
            if parts[-1] and not names_image(parts[-1])
        ),
    )


def _parted(names: Iterable[str]) -> tuple[dict[Parts, str], dict[Parts, str]]:
    """Returns the visible and the hidden names, each by its parts."""
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
    return visible, hidden


def _likely_images(names: Iterable[Parts]) -> list[Parts]:
    """Returns the names with the suffix of an image, or without any; or else all.

    So a folder of annotations beside `train` and `test` does not look like classes.
    """
    likely = [
        parts
        for parts in names
        if names_image(parts[-1]) or (parts[-1] and "." not in parts[-1])
    ]
    return likely or list(names)


def _wrapping(names: Iterable[Parts]) -> Parts:
    """Returns the nested single folders around the split or class folders."""
    top: Parts = ()
    inner = list(names)
    while (folder := only_folder(inner)) and not _is_train(folder):
        top = (*top, folder)
        inner = by_folder(inner)[folder]
    return top


def _is_train(folder: str) -> bool:
    return SPLIT_BY_WORD.get(folder.lower()) == TRAIN


def _placed(
    names: Iterable[Parts], splits: dict[str, SplitFolder]
) -> tuple[list[tuple[Parts, str]], list[Parts]]:
    """Returns the names in class folders, each with its class, and the other names."""
    placed, others = [], []
    for parts in names:
        top = splits[parts[0]].top if parts[0] in splits else ()
        depth = len(top)
        if len(parts) > depth + 1 and parts[:depth] == top and (top or not splits):
            placed.append((parts, utf8_name(parts[depth])))
        else:
            others.append(parts)
    return placed, others


def _hint(others: Iterable[Parts], root: str) -> str:
    """Returns a sentence, after a space, about an archive or a table; "" for none."""
    suffixes = (*archives.SUFFIXES, *tables.SUFFIXES)
    names = ("/".join(parts) for parts in others)
    found = next((name for name in names if name.lower().endswith(suffixes)), "")
    return found and f" To read {found} itself, give it: {root}/{found}"


def _tell_of_splits(
    splits: dict[str, SplitFolder], root: str, reporter: Reporter
) -> None:
    found = {"/".join(folder.top): folder.split for folder in splits.values()}
    if any(name.lower() not in SPLIT_BY_WORD for name in found):
        told = ", ".join(f"{split} in {name}" for name, split in found.items())
        reporter.info(f"{root}: {told}")


def _warn_of_same_folders(folders: Folders, root: str, reporter: Reporter) -> None:
    inner = [tuple(by_folder(names)) for names in folders.values()]
    if len(inner) > 1 and len(inner[0]) > 1 and len(set(inner)) == 1:
        reporter.warn(
            f"the classes of {root} are {_shown(folders)}, and each of them holds the "
            f"same folders: {_shown(inner[0])}. If these are the classes, list the "
            "images in a table with the columns path and label."
        )


def _shown(names: Iterable[str]) -> str:
    names = list(map(utf8_name, names))
    return ", ".join([*names[:MAX_SHOWN], *["..."] * (len(names) > MAX_SHOWN)])


def _warn_of_images(names: Sequence[Parts], root: str, reporter: Reporter) -> None:
    images = ["/".join(parts) for parts in names if names_image(parts[-1])]
    if images:
        reporter.warn(
            f"left out {counted(len(images), 'image')} of {root} outside of its class "
            f"folders, such as {images[0]}."
        )


def utf8_name(name: str) -> str:
    r"""Returns a file name as valid UTF-8, with other bytes escaped as `\xff`."""
    if name.isascii():
        return name
    return os.fsencode(name).decode("utf-8", "backslashreplace")
