"""The source for a folder: of class folders, or of images with boxes or masks."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import (
    CLASSIFICATION,
    DETECTION,
    LOCALIZATION,
    SEGMENTATION,
    Dataset,
    Example,
)
from cnnxfer.data.images.folders import walk_folders
from cnnxfer.data.images.names import is_hidden
from cnnxfer.data.sources.annotations.class_folders import (
    in_class_folders,
    outnumber,
)
from cnnxfer.data.sources.annotations.dataset import without_boxes
from cnnxfer.data.sources.annotations.load import in_folder
from cnnxfer.data.sources.layout import arrange, utf8_name
from cnnxfer.data.sources.mask_folder import load_masks, why_no_mask_folder
from cnnxfer.data.sources.mask_pairs import find_pairs
from cnnxfer.errors import DataError, reason_of
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import option


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists every file in the class folders of a folder, sorted by name.

    Where files of annotations are about images in it, these are listed with their
    objects, unless class folders hold clearly more images; for classification, class
    folders count anyway, even if these files are broken. Where it holds pictures and
    their masks, these are: see `find_pairs` and `why_no_masks`. With both, masks are
    listed for segmentation alone. Otherwise, classes and splits are found as
    `layout.arrange` describes, and so they are for classification in spite of masks.
    Hidden and system files and folders are left out, and links that lead around in
    circles.

    Raises:
        DataError: if there is no file in a class folder, it is not clear which folders
            are classes, or a folder cannot be read.
    """
    root = Path(spec)
    names, circular = _names(os.fspath(root))
    class_folders = partial(_class_folders, root, names, circular)
    try:
        return _load(root, names, circular, class_folders, reporter)
    except DataError as error:
        if not in_class_folders(names, spec):
            raise
        others = {CLASSIFICATION: class_folders}
        return without_boxes(utf8_name(root.resolve().name), str(error), others)


def _load(
    root: Path,
    names: Sequence[str],
    circular: Sequence[str],
    class_folders: Callable[[Reporter], Dataset],
    reporter: Reporter,
) -> Dataset:
    annotations = in_folder(os.fspath(root), names, reporter)
    pairs = find_pairs(names)
    in_classes: list[str] = []
    if annotations and not pairs:
        in_classes = in_class_folders(names, os.fspath(root))
        if outnumber(in_classes, annotations.paths, annotations.reading.unread):
            reporter.info(
                f"{root}: {len(annotations.paths):,} of the {len(in_classes):,} images "
                "in class folders have annotations, so these are left alone. To use "
                f"them: {option('--task', DETECTION)}"
            )
            boxes = dict.fromkeys((LOCALIZATION, DETECTION), annotations.dataset)
            return replace(class_folders(reporter), others=boxes)
    dataset = annotations.dataset(reporter) if annotations else None
    if dataset and in_classes:
        dataset = replace(
            dataset, others={**dataset.others, CLASSIFICATION: class_folders}
        )
    if pairs:
        by_masks = partial(load_masks, root, names, pairs)
        if dataset is not None:
            dataset = replace(
                dataset, others={**dataset.others, SEGMENTATION: by_masks}
            )
        elif reason := why_no_mask_folder(root, names, pairs, reporter):
            reporter.warn(
                f"the folders of {root} are read as classes, not as images and masks "
                f"({reason}). Where they are masks: {option('--task', SEGMENTATION)}"
            )
            return replace(class_folders(reporter), others={SEGMENTATION: by_masks})
        else:
            dataset = replace(
                by_masks(reporter), others={CLASSIFICATION: class_folders}
            )
    if dataset is None:
        return class_folders(reporter)
    hidden = (name for name in names if is_hidden(name.strip("/").split("/")[-1]))
    return replace(
        dataset,
        hidden=tuple(map(utf8_name, hidden)),
        circular=tuple(map(utf8_name, circular)),
    )


def _class_folders(
    root: Path, names: Sequence[str], circular: Sequence[str], reporter: Reporter
) -> Dataset:
    layout = arrange(names, os.fspath(root), reporter)
    # One for all images of a class: there may be millions of them.
    labels = [Labels((label,)) for label in range(len(layout.class_names))]
    return Dataset(
        name=utf8_name(root.resolve().name),
        class_names=layout.class_names,
        examples=tuple(
            Example(file.id, labels[file.label], file.split, root / file.name)
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
