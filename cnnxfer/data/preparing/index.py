"""Reads every image once and records its size, format, looks and problems."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

from cnnxfer.data.dataset import TRAIN, Dataset, Example, IndexRow, read_bytes
from cnnxfer.data.decoding.pool import DecodedImage, Decoders
from cnnxfer.data.images.names import is_other_file
from cnnxfer.data.images.passed_over import CIRCULAR, HIDDEN, OTHER, PassedOver
from cnnxfer.data.images.source import ImageSource
from cnnxfer.data.preparing.examine import examine
from cnnxfer.data.preparing.index_cache import IndexCache
from cnnxfer.data.stamped_rows import Stamp, stamp_all
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

# Another process reads images, too, for each so many, or so many bytes of them: it
# takes about as long to start as to read them.
IMAGES_PER_PROCESS = 100
BYTES_PER_PROCESS = 4 * 1024 * 1024


def build_index(examples: Sequence[Example], reporter: Reporter) -> list[IndexRow]:
    """Returns a row for each example, in order, from the cache or from reading it.

    Images are read and decoded on all cores, in processes that a broken image may
    crash. Their rows are kept in the cache and used again as long as the size and
    modification time of their file stay the same; not if a problem may pass. A row's
    own example has the `sha256` if it could be read.

    Raises:
        RunError: if no process can be started.
    """
    stamps = stamp_all(examples)
    cache = IndexCache(stamps, reporter)
    rows = [cache.row(*pair) for pair in zip(examples, stamps, strict=True)]
    unread = [index for index, row in enumerate(rows) if row is None]
    if unread:
        try:
            with reporter.progress("reading images", len(unread), "images") as advance:
                size_bytes = sum(map(_size_bytes, (stamps[index] for index in unread)))
                read = _read([examples[index] for index in unread], size_bytes)
                for index, row in zip(unread, read, strict=True):
                    rows[index] = row
                    advance()
        finally:  # after an interruption, what has been read is not read again
            cache.save(zip(rows, stamps, strict=True), reporter)
    return [row for row in rows if row is not None]


def _read(examples: Sequence[Example], size_bytes: int) -> Iterator[IndexRow]:
    """Yields the rows of images, which take so many bytes together, in their order."""
    work = len(examples) / IMAGES_PER_PROCESS + size_bytes / BYTES_PER_PROCESS
    decoders = Decoders(examine, processes=1 + int(work))
    with closing(decoders), closing(decoders.decode(map(_source, examples))) as images:
        for example, image in zip(examples, images, strict=True):
            yield _row(replace(example, sha256=image.sha256), image)


def _source(example: Example) -> ImageSource:
    if type(example) is not Example:  # it has its own way of reading
        return ImageSource(example.id, example.read, here=True)
    # Not `example.read`, with which its annotation would be sent to the process.
    # And that may have begun in another working directory.
    path = example.path.absolute()
    read = partial(read_bytes, path, example.offset, example.size_bytes)
    return ImageSource(example.id, read)


def _row(example: Example, image: DecodedImage) -> IndexRow:
    if image.error is not None:
        return IndexRow(example, problem=image.error, passing=image.passing)
    return IndexRow(example, image.width, image.height, **image.facts)


def _size_bytes(stamp: Stamp | None) -> int:
    """Returns the size of an encoded image, in bytes; 0 if there is no such file."""
    if stamp is None:
        return 0
    _, _, size_bytes, file_bytes, _ = stamp
    return file_bytes if size_bytes is None else size_bytes


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
            f"{len(broken)} of {len(rows)} images could not be used and were left out."
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
    """Tells whether there are enough classes to train on.

    How many are needed depends on what is known of images; one is enough if some images
    don't have it.
    """
    some_without = any(not row.problem and not row.example.labels for row in rows)
    needed = 1 if some_without else least_classes(rows)
    return len(labels_to_train(rows)) >= needed


def least_classes(rows: Iterable[IndexRow]) -> int:
    """Returns how many classes images must be of for something to be learned."""
    return max((row.example.annotation.least_classes for row in rows), default=2)


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
        found = "nothing is labelled"
        if dropped:
            found = f"no image to train on is left of {', '.join(dropped)}"
        elif kept:
            found = f"all that there is to train on is of class {kept[0]}"
        few = {1: "a class", 2: "at least two classes"}[least_classes(rows)]
        raise DataError(
            f"{found}; expected images of {few}. Add some that can be read."
        )
    if not dropped:
        return kept, list(rows)
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
