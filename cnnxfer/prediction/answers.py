"""Answers to decoded images, in order: their views are run in batches on an engine."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from cnnxfer.data.decoding.pool import DecodedImage
from cnnxfer.data.images.source import unreadable_source
from cnnxfer.engines.engine import Engine
from cnnxfer.prediction.heat import Heat

# Of encoded images that wait for their answers.
MAX_WAITING_BYTES = 256 * 1024 * 1024
# Maps the network's outputs for all views of an image, float32 `(views, ...)`, to what
# is found in it; see `Task.combined`.
CombineViews = Callable[[np.ndarray, DecodedImage], np.ndarray]


@dataclass(frozen=True)
class Answer:
    """The model's answer to one image.

    Attributes:
        picture: the decoded image, or why it could not be read. Its pixels are those
            of all views, uint8 `(views, height, width, 3)`.
        found: what `Task.combined` returns: of classes, their probabilities; None if
            the image could not be read.
        heat: where in the image the class is that is answered; None if it was not asked
            for.
    """

    picture: DecodedImage
    found: np.ndarray | None = None
    heat: Heat | None = None


def answer_in_order(
    engine: Engine, images: Iterable[DecodedImage], combine: CombineViews
) -> Iterator[Answer]:
    """Yields an answer for each image; in unreadable images, nothing is found.

    A batch may hold the views of several images, and an image's may be in several. It
    ends early where the images that wait for it keep much in this process's memory.
    """
    pending: deque[Answer] = deque()
    # Two sums, since the engine may take views in a thread of its own.
    added_bytes = answered_bytes = 0

    def views() -> Iterator[np.ndarray]:
        nonlocal added_bytes
        for image in images:
            answer = Answer(_without_content(image))
            added_bytes += answer.picture.source.size_bytes
            pending.append(answer)
            if image.pixels is not None:
                yield from image.pixels

    def unreadable() -> Iterator[Answer]:
        nonlocal answered_bytes
        while pending and pending[0].picture.pixels is None:
            answer = pending.popleft()
            answered_bytes += answer.picture.source.size_bytes
            yield answer

    outputs: list[np.ndarray] = []  # for the views of the first pending image

    def batch_size() -> int:
        too_many = added_bytes - answered_bytes > MAX_WAITING_BYTES
        return 1 if too_many else engine.batch_size

    batches = _batches(views(), batch_size)
    for output in chain.from_iterable(engine.run(batches)):
        yield from unreadable()
        outputs.append(output)
        pixels = pending[0].picture.pixels
        if pixels is not None and len(outputs) == len(pixels):
            answer = pending.popleft()
            answered_bytes += answer.picture.source.size_bytes
            found = combine(np.stack(outputs), answer.picture)
            yield replace(answer, found=found)
            outputs = []
    yield from unreadable()


def _without_content(image: DecodedImage) -> DecodedImage:
    """Returns an unreadable image without its encoded content, which nobody will need.

    Any number of them may wait for the next answer.
    """
    if image.error is None or not image.source.here:
        return image
    return replace(image, source=unreadable_source(image.source.name, image.error))


def _batches(
    views: Iterable[np.ndarray], size: Callable[[], int]
) -> Iterator[np.ndarray]:
    """Yields batches of at most `size()` views that all have the same shape."""
    batch: list[np.ndarray] = []
    for view in views:
        if batch and view.shape != batch[0].shape:
            yield np.stack(batch)
            batch = []
        batch.append(view)
        if len(batch) >= size():
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)
