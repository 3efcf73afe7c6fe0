"""Reads every image once and records its size, format, looks and problems."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from cnnxfer.data.dataset import TRAIN, Dataset, Example, IndexRow
from cnnxfer.data.images.decode import TURNS, is_animated, open_image, orientation
from cnnxfer.data.images.names import is_other_file
from cnnxfer.data.images.passed_over import CIRCULAR, HIDDEN, OTHER, PassedOver
from cnnxfer.data.images.perceptual_hash import perceptual_hash, sample_pixels
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.parallel import parallel_map
from cnnxfer.data.preparing.index_cache import IndexCache, Stamp, stamp_all
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.reporting import Reporter

MAX_GREY_GAP = 8  # of 255: how far channels of a grey may differ after compression


def build_index(examples: Sequence[Example], reporter: Reporter) -> list[IndexRow]:
    """Returns a row for each example, in order, from the cache or from reading it.

    Images are read and decoded on all cores. Their rows are kept in the cache and used
    again as long as the size and modification time of their file stay the same. A row's
    own example has the `sha256` if it could be read.
    """
    stamps = stamp_all(examples)
    cache = IndexCache(stamps, reporter)
    rows = [cache.row(*pair) for pair in zip(examples, stamps, strict=True)]
    unread = [index for index, row in enumerate(rows) if row is None]
    if unread:
        try:
            with reporter.progress("reading images", len(unread), "images") as advance:
                read = parallel_map(_examine, [examples[index] for index in unread])
                for index, row in zip(unread, read, strict=True):
                    rows[index] = row
                    advance()
        finally:  # after an interruption, what has been read is not read again
            _save(cache, rows, stamps, reporter)
    return [row for row in rows if row is not None]


def _save(
    cache: IndexCache,
    rows: Sequence[IndexRow | None],
    stamps: Sequence[Stamp | None],
    reporter: Reporter,
) -> None:
    try:
        cache.save(zip(rows, stamps, strict=True))
    except ConfigError as error:
        reporter.warn(f"{error} The next command will read all images again.")
    except OSError as error:
        reporter.warn(
            f"{error.filename} cannot be written ({error.strerror}); the next command "
            "will read all images again."
        )


def _examine(example: Example) -> IndexRow:
    try:
        content = example.read()
    except DataError as error:
        return IndexRow(example, problem=str(error))
    example = replace(example, sha256=hashlib.sha256(content).hexdigest())
    try:
        opened, picture = open_image(content), Picture(content)
        pixels = sample_pixels(picture)
    except DataError as error:
        return IndexRow(example, problem=str(error))
    exif_orientation = orientation(opened)
    return IndexRow(
        example,
        picture.width,
        picture.height,
        opened.format or "",
        mode=opened.mode,
        orientation=exif_orientation if exif_orientation in TURNS else 1,
        frames=_count_frames(opened),
        grey=_is_grey(pixels),
        phash=perceptual_hash(pixels),
    )


def _is_grey(pixels: np.ndarray) -> bool:
    red, green, blue = np.moveaxis(pixels.astype(np.int16), -1, 0)
    gaps = (red - green, green - blue, blue - red)
    return all(np.abs(gap).max() <= MAX_GREY_GAP for gap in gaps)


def _count_frames(opened: Image.Image) -> int:
    try:
        return int(opened.n_frames) if is_animated(opened) else 1  # type: ignore[attr-defined]
    except Exception:  # a later frame is broken; only the first one is used
        return 1


def pass_over_others(
    dataset: Dataset, rows: Iterable[IndexRow], reporter: Reporter
) -> list[IndexRow]:
    """Returns the rows of images, sound or broken, without those of other files.

    The reporter tells in one line how many files are passed over, of those and of the
    ones that the data set's source has not listed as examples.
    """
    passed_over = PassedOver()
    for kind, ids in (
        (HIDDEN, dataset.hidden),
        (CIRCULAR, dataset.circular),
        (OTHER, dataset.outside),
    ):
        for id in ids:
            passed_over.add(kind, id)
    images = []
    for row in rows:
        if row.problem and is_other_file(row.example.id, row.problem):
            passed_over.add(OTHER, row.example.id)
        else:
            images.append(row)
    if line := passed_over.line():
        reporter.info(line)
    return images


def report_problems(rows: Iterable[IndexRow], reporter: Reporter) -> list[IndexRow]:
    """Returns the rows without a problem, and warns of the others: of ten by name."""
    rows = list(rows)
    broken = [row for row in rows if row.problem]
    for row in broken[:10]:
        reporter.warn(f"left out {row.example.id}: {row.problem}")
    if broken:
        reporter.warn(
            f"{len(broken)} of {len(rows)} images could not be read and were left out."
        )
    return [row for row in rows if not row.problem]


def labels_to_train(rows: Iterable[IndexRow]) -> set[int]:
    """Returns the labels that at least one readable image has that training may use.

    Images that the data set itself puts into its validation or test split don't count.
    """
    return {
        label
        for row in rows
        if not row.problem and row.example.split in (None, TRAIN)
        for label in row.example.labels
    }


def enough_classes(rows: Sequence[IndexRow]) -> bool:
    """Tells whether there are enough classes to train a classifier on.

    Two are enough; one is enough if some images don't have it.
    """
    some_without = any(not row.problem and not row.example.labels for row in rows)
    return len(labels_to_train(rows)) >= (1 if some_without else 2)


def leave_out_untrained(
    class_names: Sequence[str], rows: Sequence[IndexRow], reporter: Reporter
) -> tuple[tuple[str, ...], list[IndexRow]]:
    """Leaves out the classes that have no image to train on, and warns of them.

    These are classes whose folder is empty, whose images are all unreadable, or which
    the data set has only in its validation or test split. Images that have no other
    label are left out too.

    Returns:
        The remaining class names, and the rows of their images with labels that index
        the remaining names.

    Raises:
        DataError: if too few classes remain to train on.
    """
    trained = sorted(labels_to_train(rows))
    kept = tuple(class_names[label] for label in trained)
    dropped = [name for name in class_names if name not in kept]
    if not enough_classes(rows):
        found = (
            f"no image to train on is left of {', '.join(dropped)}"
            if dropped
            else f"every image to train on is of class {kept[0]}"
        )
        raise DataError(
            f"{found}; expected images of at least two classes. Add some that can be "
            "read."
        )
    if dropped:
        reporter.warn(
            f"left out {len(dropped)} of {len(class_names)} classes, with no image to "
            f"train on: {', '.join(dropped)}."
        )
    new_labels = {label: number for number, label in enumerate(trained)}
    remaining = []
    for row in rows:
        annotation = row.example.annotation.renumbered(new_labels)
        if annotation.labels or not row.example.labels:
            example = replace(row.example, annotation=annotation)
            remaining.append(replace(row, example=example))
    return kept, remaining
