"""The source for a folder: of class folders, or of images with boxes or masks."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import SEGMENTATION, Dataset, Example
from cnnxfer.data.images.folders import walk_folders
from cnnxfer.data.images.names import is_hidden
from cnnxfer.data.sources.annotations.load import in_folder
from cnnxfer.data.sources.layout import arrange, utf8_name
from cnnxfer.data.sources.mask_folder import load_masks
from cnnxfer.data.sources.mask_pairs import find_pairs
from cnnxfer.errors import DataError, reason_of
from cnnxfer.reporting import Reporter


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists every file in the class folders of a folder, sorted by name.

    Where files of annotations are about images in it, these are listed with their
    objects; where it holds pictures and their masks, these are: see `find_pairs`. With
    both, masks are listed for segmentation alone. Otherwise, classes and splits are
    found as `layout.arrange` describes. Hidden and system files and folders are left
    out, and links that lead around in circles.

    Raises:
        DataError: if there is no file in a class folder, it is not clear which folders
            are classes, or a folder cannot be read.
    """
    root = Path(spec)
    names, circular = _names(os.fspath(root))
    dataset = in_folder(os.fspath(root), names, reporter)
    if pairs := find_pairs(names, os.fspath(root)):
        by_masks = partial(load_masks, root, names, pairs)
        if dataset is None:
            dataset = by_masks(reporter)
        else:
            others = dict(dataset.others)
            others[SEGMENTATION] = by_masks
            dataset = replace(dataset, others=others)
    if dataset is not None:
        hidden = (name for name in names if is_hidden(name.strip("/").split("/")[-1]))
        return replace(
            dataset,
            hidden=tuple(map(utf8_name, hidden)),
            circular=tuple(map(utf8_name, circular)),
        )
    layout = arrange(names, os.fspath(root), reporter)
    return Dataset(
        name=utf8_name(root.resolve().name),
        class_names=layout.class_names,
        examples=tuple(
            Example(file.id, Labels((file.label,)), file.split, root / file.name)
            for file in layout.files
        ),
        hidden=layout.hidden,
        outside=layout.outside,
        circular=tuple(map(utf8_name, circular)),
    )


def _names(root: str) -> tuple[list[str], list[str]]:
    """Returns all names below a folder, as `arrange` takes them, and circular links."""
    names, circular = [], []
    for folder in walk_folders(root):
        if folder.problem is not None:
            raise DataError(
                f"{folder.problem.filename} cannot be read: "
                f"{reason_of(folder.problem)}."
            ) from folder.problem
        is_root = folder.path == root
        prefix = "" if is_root else f"{os.path.relpath(folder.path, root)}/"
        below = [f"{name}/" for name in folder.folders]
        names += [prefix + name for name in (*folder.files, *below, *folder.hidden)]
        circular += [prefix + name for name in folder.circular]
    return names, circular
