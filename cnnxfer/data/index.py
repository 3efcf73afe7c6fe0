"""One reading of every image: its size, format, hash, and what is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.decode import open_image, orientation, to_rgb, upright_size
from cnnxfer.data.index_cache import IndexCache, Stamp, stamp_all
from cnnxfer.data.parallel import parallel_map
from cnnxfer.data.splits import TRAIN
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter


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
        image = open_image(content)
        stored_size = image.size
        to_rgb(image, scale=8)  # all of a JPEG's data is read at any scale
    except DataError as error:
        return IndexRow(example, problem=str(error))
    width, height = upright_size(stored_size, orientation(image))
    return IndexRow(example, width, height, image.format or "")


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


def leave_out_untrained(
    class_names: Sequence[str], rows: Sequence[IndexRow], reporter: Reporter
) -> tuple[tuple[str, ...], list[IndexRow]]:
    """Drops the classes that no image can train; names them in a warning.

    That is a class whose folder is empty, whose images are all broken, or which the
    data set has in its test part only.

    Args:
        class_names: in label order.
        rows: sound images.
        reporter: warned.

    Returns:
        The remaining class names, and their images with labels that index them.

    Raises:
        DataError: if fewer than two classes remain.
    """
    trained = sorted(
        {row.example.label for row in rows if row.example.split in (None, TRAIN)}
    )
    kept = tuple(class_names[label] for label in trained)
    dropped = [name for name in class_names if name not in kept]
    if len(kept) < 2:
        raise DataError(
            f"no image to train on is left of {', '.join(dropped)}; expected images "
            "of at least two classes. Add some that can be read."
        )
    if dropped:
        reporter.warn(
            f"left out {len(dropped)} of {len(class_names)} classes, with no image to "
            f"train on: {', '.join(dropped)}."
        )
    labels = {old: new for new, old in enumerate(trained)}
    return kept, [
        replace(row, example=replace(row.example, label=labels[row.example.label]))
        for row in rows
        if row.example.label in labels
    ]
