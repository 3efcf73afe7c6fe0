"""One reading of every image: what it is, looks like, and what is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from cnnxfer.data.dataset import TRAIN, Example, IndexRow
from cnnxfer.data.images.decode import TURNS, is_animated, open_image, orientation
from cnnxfer.data.images.perceptual_hash import look, perceptual_hash
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.parallel import parallel_map
from cnnxfer.data.preparing.index_cache import IndexCache, Stamp, stamp_all
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

GREY = 8  # of 255: how far a grey's colours may lie apart, once recompressed


def build_index(examples: Sequence[Example], reporter: Reporter) -> list[IndexRow]:
    """Looks at every image, in order; reads those that it has not seen before.

    Images are read and decoded on all cores, and what they told is kept in the cache,
    until their file's size or time changes.

    Returns:
        A row an example, whose examples know their `sha256` where they could be read.
    """
    stamps = stamp_all(examples)
    cache = IndexCache(stamps)
    rows = [cache.row(*pair) for pair in zip(examples, stamps, strict=True)]
    unread = [index for index, row in enumerate(rows) if row is None]
    if unread:
        try:
            with reporter.progress("reading images", len(unread), "images") as advance:
                read = parallel_map(_examine, [examples[index] for index in unread])
                for index, row in zip(unread, read, strict=True):
                    rows[index] = row
                    advance()
        finally:  # an interruption costs nothing of what has been read
            _keep(cache, rows, stamps, reporter)
    return [row for row in rows if row is not None]


def _keep(
    cache: IndexCache,
    rows: Sequence[IndexRow | None],
    stamps: Sequence[Stamp | None],
    reporter: Reporter,
) -> None:
    try:
        cache.keep(zip(rows, stamps, strict=True))
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
        pixels = look(picture)
    except DataError as error:
        return IndexRow(example, problem=str(error))
    turned = orientation(opened)
    return IndexRow(
        example,
        picture.width,
        picture.height,
        opened.format or "",
        mode=opened.mode,
        orientation=turned if turned in TURNS else 1,
        frames=_count_frames(opened),
        grey=_is_grey(pixels),
        phash=perceptual_hash(pixels),
    )


def _is_grey(pixels: np.ndarray) -> bool:
    red, green, blue = np.moveaxis(pixels.astype(np.int16), -1, 0)
    gaps = (red - green, green - blue, blue - red)
    return all(np.abs(gap).max() <= GREY for gap in gaps)


def _count_frames(opened: Image.Image) -> int:
    try:
        return int(opened.n_frames) if is_animated(opened) else 1  # type: ignore[attr-defined]
    except Exception:  # those behind the first one are broken, and not used
        return 1


def report_problems(rows: Iterable[IndexRow], reporter: Reporter) -> list[IndexRow]:
    """Returns the sound rows; names the broken ones in warnings, with their count."""
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
    """Returns the labels of sound images that aren't kept for validation or test."""
    return {
        label
        for row in rows
        if not row.problem and row.example.split in (None, TRAIN)
        for label in row.example.labels
    }


def enough_classes(rows: Sequence[IndexRow]) -> bool:
    """Tells whether there is something to tell apart: two classes, or one or none."""
    some_without = any(not row.problem and not row.example.labels for row in rows)
    return len(labels_to_train(rows)) >= (1 if some_without else 2)


def leave_out_untrained(
    class_names: Sequence[str], rows: Sequence[IndexRow], reporter: Reporter
) -> tuple[tuple[str, ...], list[IndexRow]]:
    """Drops the classes that no image can train; names them in a warning.

    That is a class whose folder is empty, whose images are all broken, or which the
    data set has in its test part only. Images that had no other label go with them.

    Args:
        class_names: in label order.
        rows: sound images, with any number of labels.
        reporter: warned.

    Returns:
        The remaining class names, and their images with labels that index them.

    Raises:
        DataError: if too few classes remain to tell apart.
    """
    trained = sorted(labels_to_train(rows))
    kept = tuple(class_names[label] for label in trained)
    dropped = [name for name in class_names if name not in kept]
    if not enough_classes(rows):
        found = f"left of {', '.join(dropped)}" if dropped else f"without {kept[0]}"
        raise DataError(
            f"no image to train on is {found}; expected images of at least two "
            "classes. Add some that can be read."
        )
    if dropped:
        reporter.warn(
            f"left out {len(dropped)} of {len(class_names)} classes, with no image to "
            f"train on: {', '.join(dropped)}."
        )
    new = {label: number for number, label in enumerate(trained)}
    left = []
    for row in rows:
        labels = tuple(new[label] for label in row.example.labels if label in new)
        if labels or not row.example.labels:
            left.append(replace(row, example=replace(row.example, labels=labels)))
    return kept, left
