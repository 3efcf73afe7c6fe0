"""Makes a data set of what files of annotations say of its images."""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import (
    CLASSIFICATION,
    MULTI_LABEL,
    SPLITS,
    TRAIN,
    Dataset,
    Example,
)
from cnnxfer.data.images.names import names_image
from cnnxfer.data.objects import LabelledBox, Objects, task_of_objects
from cnnxfer.data.sources.annotations.annotated import AnnotatedImage, Reading
from cnnxfer.data.sources.layout import utf8_name
from cnnxfer.data.sources.mask_pairs import holds_masks
from cnnxfer.data.sources.split_folders import split_in
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter, counted, listed
from cnnxfer.spelling import option

MAX_SHOWN = 3  # names in a message


def assemble(
    images: Iterable[AnnotatedImage],
    reading: Reading,
    spec: str,
    name: str,
    columns: Mapping[str, tuple[str, ...]] | None = None,
) -> Dataset:
    """Returns the data set of all images, with the task that they suit.

    It can be listed for multi-label, too, and for classification if all objects of an
    image are of one class.
    The reporter is told in one line what was found, and of all that is left out.

    Args:
        images: what was read; a file may have several entries about one image.
        reading: what the readers noted.
        spec: what messages call the data set.
        name: its short name.
        columns: the values of a table's other columns, for each image.

    Raises:
        DataError: if a file cannot be used, no object is left, a box has a negative
            size, or files contradict each other.
    """
    _refuse(reading.problems)
    images = _with_splits(_merged(images), reading, spec)
    if not images:
        raise DataError(why_empty(reading, spec))
    _refuse([problem for image in images for problem in _problems(image)])
    class_names = sorted(
        {item.name.strip() for each in images for item in each.objects}
    )
    if not class_names:
        raise DataError(
            f"{spec} has {counted(len(images), 'image')} and no object in them; "
            "expected some with a class and a box."
        )
    labels = {name: label for label, name in enumerate(class_names)}
    annotations = [_objects(image, labels) for image in images]
    dataset = Dataset(
        name=name,
        class_names=tuple(class_names),
        examples=tuple(
            Example(
                utf8_name(reading.pictures.relative(image.path)),
                annotation,
                image.split,
                Path(image.path),
            )
            for image, annotation in zip(images, annotations, strict=True)
        ),
        task=task_of_objects(annotations),
        columns=columns or {},
    )
    _tell(dataset, images, reading, spec)
    tasks = [MULTI_LABEL]
    if all(len(example.labels) == 1 for example in dataset.examples):
        tasks.append(CLASSIFICATION)
    others = {task: partial(_with_labels, dataset, task) for task in tasks}
    return replace(dataset, others=others)


def _with_labels(dataset: Dataset, task: str, reporter: Reporter) -> Dataset:
    """Returns the data set without boxes, for a task of classes."""
    examples = tuple(
        replace(example, annotation=Labels(example.labels))
        for example in dataset.examples
    )
    return replace(dataset, examples=examples, task=task)


def without_boxes(
    name: str, problem: str, others: Mapping[str, Callable[[Reporter], Dataset]]
) -> Dataset:
    """Returns a data set of broken annotations, which can be used for classes alone.

    Args:
        name: its short name.
        problem: what is wrong, in sentences.
        others: lists it for other tasks, `CLASSIFICATION` among them.
    """
    hint = f"To learn its classes alone: {option('--task', CLASSIFICATION)}"
    return Dataset(name, (), (), others=others, problem=f"{problem} {hint}")


def why_empty(reading: Reading, spec: str) -> str:
    """Returns why there are no images, though there are annotations."""
    if reading.problems:
        return reading.problems[0]
    if reading.set_aside:
        kinds = [f"{noun} {rest}" for noun, rest in reading.left_out]
        return f"{spec} has nothing that can be read; what there is: {listed(kinds)}."
    if not reading.missing:
        return f"{spec} has annotations of no image."
    missing = list(dict.fromkeys(reading.missing))
    return (
        f"{spec} has annotations of {counted(len(missing), 'image')}, and none exists, "
        f"such as {missing[0]}. Put the images beside them."
    )


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f" So it is {len(problems) - 1:,} times more." if problems[1:] else ""
        raise DataError(problems[0] + more)


def _merged(images: Iterable[AnnotatedImage]) -> list[AnnotatedImage]:
    """Returns one entry an image; refuses those that contradict each other."""
    merged: dict[str, AnnotatedImage] = {}
    for image in images:
        first = merged.setdefault(image.path, image)
        if first is image:
            continue
        if first.file != image.file:
            raise DataError(
                f"{image.path} is annotated in two files, {first.file} and "
                f"{image.file}. Give one of them alone, or move one away."
            )
        if first.split != image.split:
            raise DataError(
                f"{image.file} has {image.path} in two splits, {first.split or 'none'} "
                f"and {image.split or 'none'}. Keep it in one."
            )
        objects = (*first.objects, *image.objects)
        merged[image.path] = replace(first, objects=objects)
    return list(merged.values())


def _with_splits(
    images: list[AnnotatedImage], reading: Reading, spec: str
) -> list[AnnotatedImage]:
    """Returns the images with the splits of their folders, if there are no others.

    Without one to train on, the images are divided as those of any other data set.
    """
    if not any(image.split for image in images):
        folders = (os.path.dirname(reading.pictures.relative(i.path)) for i in images)
        images = [
            replace(image, split=split_in(folder))
            for image, folder in zip(images, folders, strict=True)
        ]
    found = {image.split for image in images if image.split}
    if not found or TRAIN in found:
        return images
    reading.reporter.info(
        f"{spec}: all images are for {listed(sorted(found))}, and are divided anew"
    )
    return [replace(image, split=None) for image in images]


def _problems(image: AnnotatedImage) -> list[str]:
    problems = []
    for number, item in enumerate(image.objects, 1):
        left, top, right, bottom = item.box
        place = f"{image.file}, object {number} of {os.path.basename(image.path)}"
        if not item.name.strip():
            problems.append(f"{place} has no class. Name it, or delete it.")
        elif not _is_text(item.name):  # JSON can escape half of a surrogate pair
            problems.append(f"{place} is {item.name!r:.40}, which is no text.")
        if not (left <= right < math.inf and top <= bottom < math.inf):
            box = ", ".join(f"{edge:g}" for edge in item.box)
            problems.append(
                f"{place} has the edges {box}; expected left, top, right, bottom, and "
                "no negative size. Correct or delete it."
            )
    return problems


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _objects(image: AnnotatedImage, labels: Mapping[str, int]) -> Objects:
    objects = tuple(
        LabelledBox(
            labels[item.name.strip()], item.box, item.crowd, item.polygons, item.rle
        )
        for item in image.objects
    )
    return Objects(objects, image.width, image.height)


def _tell(
    dataset: Dataset, images: Sequence[AnnotatedImage], reading: Reading, spec: str
) -> None:
    objects = sum(len(image.objects) for image in images)
    background = sum(not image.objects for image in images)
    splits = Counter(image.split for image in images if image.split)
    parts = [f"{name} {splits[name]:,}" for name in SPLITS if splits[name]]
    classes = f"{len(dataset.class_names)} class{'es' * (len(dataset.class_names) > 1)}"
    told = [
        f"{counted(objects, 'object')} of {classes} in {counted(len(images), 'image')}",
        *([f"{background:,} without one"] if background else []),
        *([listed(parts)] if parts else []),
    ]
    reading.reporter.info(
        f"{spec}: {reading.format}, {', '.join(told)}; the task is {dataset.task}, "
        f"unless {option('--task')} says another"
    )
    if reading.missing:
        names = list(dict.fromkeys(reading.missing))
        reading.reporter.warn(
            f"{spec} has annotations of {counted(len(names), 'image')} that "
            f"{'does' if len(names) == 1 else 'do'} not exist, such as "
            f"{', '.join(names[:MAX_SHOWN])}. Left out."
        )
    for (noun, rest), count in reading.left_out.items():
        reading.reporter.warn(f"{spec}: left out {counted(count, noun)} {rest}.")
    if others := _unannotated(images, reading):
        tell = reading.reporter.warn if reading.names else reading.reporter.info
        tell(
            f"{spec}: left out {counted(len(others), 'image')} without annotations, "
            f"such as {others[0]}. An empty annotation makes it background."
        )


def _unannotated(images: Iterable[AnnotatedImage], reading: Reading) -> list[str]:
    """Returns the other images of the folder; of a file, those in folders of images."""
    known = {image.path for image in images} | reading.set_aside
    if reading.names:
        paths = [
            os.path.normpath(os.path.join(reading.root, name))
            for name in reading.names
            if names_image(name.rpartition("/")[2])
            and not holds_masks(name.rpartition("/")[0])
        ]
    else:
        paths = [
            os.path.join(folder, name)
            for folder in dict.fromkeys(map(os.path.dirname, known))
            for name in sorted(os.listdir(folder or "."))
            if names_image(name)
        ]
    return [path for path in paths if path not in known]
