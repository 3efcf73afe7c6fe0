"""YOLO's text files: one an image, with a line an object, in fractions of its sides.

A line is `class x y width height`, with the middle of the box, or `class x y x y ...`,
an outline. `data.yaml` has the names of the classes and the places of the parts, or
`classes.txt` the names alone, a line a class. The text file of `images/a/1.jpg` is
`labels/a/1.txt`, or lies beside the image; an image without one is background.

Source: https://docs.ultralytics.com/datasets/detect/ and .../datasets/segment/
"""

import os
import reprlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from cnnxfer.data.dataset import TEST, TRAIN, VALIDATION
from cnnxfer.data.images.folders import walk_folders
from cnnxfer.data.images.names import names_image
from cnnxfer.data.sources.annotations.annotated import (
    AnnotatedImage,
    NamedObject,
    Reading,
)
from cnnxfer.data.sources.annotations.files import read_lines, read_yaml
from cnnxfer.data.sources.annotations.pictures import size_of
from cnnxfer.data.sources.annotations.shapes import box_around, numbers
from cnnxfer.data.sources.split_folders import split_in
from cnnxfer.data.written_paths import WrittenPaths
from cnnxfer.errors import DataError
from cnnxfer.reporting import counted

NAME = "YOLO"
PARTS = {"train": TRAIN, "val": VALIDATION, "valid": VALIDATION, "test": TEST}
CLASSES = "classes.txt"
YAML = (".yaml", ".yml")
EXPECTED = "class x y width height, or class x y x y ... of an outline"
MAX_TRIED = 10  # files that may be of another kind

Names = Mapping[int, str]


def find(names: Sequence[str], root: str) -> list[str]:
    """Returns the file that tells of the classes and parts, outermost; or none."""
    files = [name for name in names if name.lower().endswith(YAML)]
    for name in sorted(files, key=lambda name: (name.count("/"), name))[:MAX_TRIED]:
        path = os.path.join(root, name)
        try:
            if _is_of_data(read_yaml(path)):
                return [name]
        except DataError:
            continue  # of another program, most likely
    return []


def find_classes(names: Sequence[str], root: str) -> list[str]:
    """Returns the list of classes, if some image has a text file with boxes; or none.

    Captions lie beside images, too.
    """
    files = [name for name in names if name.rpartition("/")[2] == CLASSES]
    known = set(names) if files else set()
    labels = (
        os.path.join(root, path)
        for image in names
        if files and names_image(image)
        for path in _label_paths(image)
        if path in known
    )
    return files[:1] if any(map(_has_boxes, islice(labels, MAX_TRIED))) else []


def read(files: Sequence[str], reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what is said of each image in the parts that a `data.yaml` names.

    A part that does not exist is passed over, and told.

    Raises:
        DataError: if the file lacks the names or the parts.
    """
    (file,) = files
    document = read_yaml(file)
    if not _is_of_data(document):
        raise DataError(
            f"{file} has no names with train, val or test; expected the data.yaml of "
            "a YOLO data set."
        )
    reading.format = NAME
    names = _class_names(document["names"], file)
    images: dict[str, str | None] = {}
    for word, split in PARTS.items():
        found = list(_images(document, word, file, reading))
        known = [path for path in found if path in images]
        if known:
            reading.reporter.warn(
                f"{file}: {counted(len(known), 'image')} of {word} also lie in another "
                f"part, such as {known[0]}. They count for the first one."
            )
        images |= {path: split for path in found if path not in images}
    boxes_only = "kpt_shape" in document  # key points follow the box
    yield from _read(images, names, file, reading, boxes_only=boxes_only)


def read_classes(files: Sequence[str], reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what is said of each image in a folder with `classes.txt`."""
    (file,) = files
    reading.format = NAME
    lines = read_lines(file)
    while lines and not lines[-1]:
        lines.pop()
    if "" in lines:
        raise DataError(
            f"{file} has no name in line {lines.index('') + 1}. Name the class of each "
            "line, or delete the blank ones if they stand for none."
        )
    names = dict(enumerate(lines))
    images = {
        os.path.join(reading.root, name): split_in(name.rpartition("/")[0])
        for name in reading.names
        if names_image(name)
    }
    yield from _read(images, names, file, reading)


def _has_boxes(path: str) -> bool:
    """Tells whether the first line of a text file is about an object."""
    try:
        line = next(filter(None, read_lines(path)), "")
        return len(numbers(line.split(), path, EXPECTED)) >= 5
    except DataError:
        return False


def _is_of_data(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and isinstance(document.get("names"), (list, dict))
        and any(document.get(part) for part in PARTS)
    )


def _class_names(names: Any, file: str) -> Names:
    items = list(names.items() if isinstance(names, dict) else enumerate(names))
    # A list may hold itself many times over, and would never end as a text.
    if not all(
        isinstance(name, str) and str(number).isdecimal() for number, name in items
    ):
        raise DataError(
            f"{file} has other names than texts with numbers; expected a list of "
            "names, or a number and a name a line."
        )
    return {int(number): name for number, name in items}


def _images(
    document: Mapping[str, Any], word: str, file: str, reading: Reading
) -> Iterator[str]:
    """Yields the images of a part: a folder, a list of images, or several of them."""
    entries = document.get(word) or []
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, str):
            found = reprlib.repr(entry)  # it may hold itself many times over
            raise DataError(f"{file} has {word}: {found:.60}; expected a path.")
        place = _place(entry, document.get("path"), file)
        if place is None:
            reading.reporter.warn(
                f"{file} names {word}: {entry}, which does not exist. Passed over."
            )
        elif os.path.isdir(place):
            for folder in walk_folders(place):
                for name in filter(names_image, folder.files):
                    yield os.path.normpath(os.path.join(folder.path, name))
        else:
            yield from _listed(place, file, reading)


def _place(entry: str, base: Any, file: str) -> str | None:
    """Returns the folder or list that an entry means; None if it does not exist.

    The path of the data set may be that of another machine, and programs write
    `../train` for a folder beside the file: what remains of an entry after its first
    folders counts, too, from the file on.
    """
    folder = os.path.dirname(file)
    places = [folder]
    if isinstance(base, str):
        places.insert(0, os.path.join(folder, base))
    parts = entry.replace("\\", "/").split("/")
    tails = ["/".join(parts[begin:]) for begin in range(1, len(parts))]
    tried = [(place, entry) for place in places] + [(folder, tail) for tail in tails]
    for place, name in tried:
        if name and os.path.exists(found := _find(place, name, file)):
            return found
    return None


def _find(folder: str, name: str, file: str) -> str:
    try:
        return WrittenPaths(folder).find(name)
    except DataError as error:
        raise DataError(f"{file} names {name}, which {error}.") from error


def _listed(place: str, file: str, reading: Reading) -> Iterator[str]:
    """Yields the images that a list names, from its own folder or from the root."""
    for line in filter(None, read_lines(place)):
        if path := reading.picture([line], place):
            yield path


def _label_paths(image: str) -> list[str]:
    """Returns where the text file of an image may be."""
    stem = os.path.splitext(image)[0].replace(os.sep, "/")
    before, folder, after = f"/{stem}".rpartition("/images/")
    mapped = [f"{before}/labels/{after}.txt"[1:]] if folder else []
    return [*mapped, f"{stem}.txt"]


def _read(
    images: Mapping[str, str | None],
    names: Names,
    file: str,
    reading: Reading,
    *,
    boxes_only: bool = False,
) -> Iterator[AnnotatedImage]:
    labels = {
        path: next(filter(os.path.isfile, _label_paths(path)), "") for path in images
    }
    if not any(labels.values()):
        first = next(iter(images), "")
        reading.problems.append(
            f"{file}: no image has a text file, such as {_label_paths(first)[0]}."
            if first
            else f"{file}: there is no image in the folders and lists that it names."
        )
        return
    reading.missing += _without_image(filter(None, labels.values()))

    def image(path: str) -> AnnotatedImage:
        split = images[path]
        lines = read_lines(labels[path]) if labels[path] else []
        if not any(lines):
            return AnnotatedImage(path, labels[path] or file, (), split=split)
        try:
            size = size_of(path)
        except DataError:  # the index will tell of the image
            size = (1, 1)
        objects = tuple(
            _object(line, f"{labels[path]}, line {number}", names, size, boxes_only)
            for number, line in enumerate(lines, 1)
            if line
        )
        return AnnotatedImage(path, labels[path], objects, *size, split=split)

    yield from reading.each(list(images), image)


def _without_image(labels: Iterable[str]) -> list[str]:
    """Returns the stems of other text files in the folders of those of images."""
    stems: dict[str, set[str]] = defaultdict(set)
    for path in labels:
        folder, name = os.path.split(path)
        if "labels" in folder.split(os.sep):  # beside images, texts may be of any kind
            stems[folder].add(os.path.splitext(name)[0])
    return [
        stem
        for folder, known in stems.items()
        for stem, suffix in map(os.path.splitext, sorted(os.listdir(folder)))
        if suffix == ".txt" and stem not in known and f"{stem}.txt" != CLASSES
    ]


def _object(
    line: str, place: str, names: Names, size: tuple[int, int], boxes_only: bool
) -> NamedObject:
    label, *values = numbers(line.split(), place, EXPECTED)
    if label not in names:
        raise DataError(
            f"{place} has the class {label:g}; there are {len(names)} names, which "
            f"end with {max(names, default='none')}. Correct it, or add the name."
        )
    values = values[:4] if boxes_only else values
    sides = [side for _ in range(0, len(values), 2) for side in size]
    values = [value * side for value, side in zip(values, sides, strict=False)]
    name = names[int(label)]
    if len(values) == 4:
        x, y, width, height = values
        left, top = x - width / 2, y - height / 2
        return NamedObject(name, (left, top, left + width, top + height))
    if len(values) < 6 or len(values) % 2:
        raise DataError(f"{place} has {len(values) + 1} numbers; expected {EXPECTED}.")
    return NamedObject(name, box_around([values]), False, (tuple(values),))
