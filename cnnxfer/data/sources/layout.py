"""Finds class folders and split folders in a list of file names."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cnnxfer.data.dataset import TEST, TRAIN, VALIDATION
from cnnxfer.data.images.names import is_hidden, names_image
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter, counted

# By the word in lower case; folders, tables and other libraries name splits by them.
SPLIT_BY_WORD = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
Parts = tuple[str, ...]  # what lies between the slashes of a name


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


def arrange(
    names: Iterable[str], root: str, reporter: Reporter, *, wrapped: bool = False
) -> Layout:
    """Finds class folders, and split folders above them, from file names alone.

    A class has the name of its folder, which may hold further folders. A folder called
    train is a split folder if it holds folders, or if a folder called val, valid,
    validation or test is beside it; then the class folders lie in the split folders.
    The reporter warns of images outside of all class folders.

    Args:
        names: names of files, relative to the root, with slashes. A name that ends in
            a slash is a folder, so that empty class folders can be listed too.
        root: the folder, archive or address that messages name.
        reporter: shows the warning.
        wrapped: whether a single folder around everything, as archives often have, is
            ignored.

    Raises:
        DataError: if no file lies in a class folder, or split folders and class
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
    classes = {utf8_name(parts[depth - 1]) for parts in inner if len(parts) > depth}
    labels = {name: label for label, name in enumerate(sorted(classes))}
    files = tuple(
        PlacedFile(
            name=visible[(*top, *parts)],
            id=utf8_name("/".join(parts)),
            label=labels[utf8_name(parts[depth - 1])],
            split=SPLIT_BY_WORD[parts[0].lower()] if depth == 2 else None,
        )
        for parts in inner
        if len(parts) > depth and parts[-1]
    )
    if not files:
        raise DataError(
            f"{root} holds no images in class folders; expected one folder a class, "
            f"such as {root}/rose/1.jpg."
        )
    _warn_of_others([parts for parts in inner if len(parts) <= depth], root, reporter)
    left_out = (parts[begin:] if parts[:begin] == top else parts for parts in hidden)
    return Layout(
        class_names=tuple(labels),
        files=files,
        hidden=tuple(utf8_name("/".join(parts)) for parts in sorted(left_out)),
    )


def _wrapping(names: Iterable[Parts]) -> Parts:
    """Returns the nested single folders around the split or class folders."""
    top: Parts = ()
    while True:
        depth = len(top)
        below = [parts[depth:] for parts in names if parts[:depth] == top]
        folders = _folders(below)
        if len(folders) != 1:
            return top
        (folder,) = folders
        inner = [parts[1:] for parts in below if parts[0] == folder]
        # The folder is the only class, or the only split.
        if not _folders(inner) or folder.lower() in SPLIT_BY_WORD:
            return top
        top = (*top, folder)


def _has_splits(names: Sequence[Parts], root: str) -> bool:
    """Tells whether the outermost folders are split folders; refuses a mixture."""
    folders = _folders(names)
    splits = [folder for folder in folders if folder.lower() in SPLIT_BY_WORD]
    with_folders = {parts[0] for parts in names if len(parts) > 2}
    train = [folder for folder in splits if SPLIT_BY_WORD[folder.lower()] == TRAIN]
    # A class may be called "train": it holds files and lies beside other classes.
    if not train or not (len(splits) > 1 or train[0] in with_folders):
        return False
    for folder in folders:
        if folder not in splits:
            raise DataError(
                f"{root}/{folder} lies beside {root}/{train[0]}, which is taken for a "
                "split; expected split folders (train, val, test) or class folders, "
                f"not both. Move or rename {folder}."
            )
        if folder not in with_folders:
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


def utf8_name(name: str) -> str:
    r"""Returns a file name as valid UTF-8, with other bytes escaped as `\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
