"""From decoded pictures to answers: batches for the engine, and back, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, tee

import numpy as np

from cnnxfer.data.decoding.pool import Decoded
from cnnxfer.engines.engine import Engine

# The network's outputs for all views of a picture, float32 `(views, ...)`, to its
# probabilities, float32 `(classes,)`.
Conclude = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Answer:
    """What the model says of one image.

    Attributes:
        picture: the image, or why it could not be read; its pixels are those of all
            views, `(views, height, width, 3)`.
        probabilities: float32 `(classes,)`; None if the image could not be read.
        heat: float32 `(rows, columns)`, the probability of the best class over the
            picture; None if it was not asked for.
    """

    picture: Decoded
    probabilities: np.ndarray | None = None
    heat: np.ndarray | None = None


def answer_in_order(
    engine: Engine, pictures: Iterable[Decoded], conclude: Conclude
) -> Iterator[Answer]:
    """Yields an answer for each picture; those that could not be read pass through.

    Args:
        engine: takes views in batches, which may hold those of several pictures.
        pictures: as `decode_all` yields them.
        conclude: from the outputs for a picture's views to its probabilities.
    """
    asked: deque[Answer] = deque()

    def views() -> Iterator[np.ndarray]:
        for picture in pictures:
            asked.append(Answer(picture))
            if picture.pixels is not None:
                yield from picture.pixels

    def unreadable() -> Iterator[Answer]:
        while asked and asked[0].picture.pixels is None:
            yield asked.popleft()

    outputs: list[np.ndarray] = []  # for the views of the picture whose turn it is
    batches = _batches(views(), lambda: engine.batch_size)
    for output in chain.from_iterable(engine.run(batches)):
        yield from unreadable()
        outputs.append(output)
        pixels = asked[0].picture.pixels
        if pixels is not None and len(outputs) == len(pixels):
            probabilities = conclude(np.stack(outputs))
            yield replace(asked.popleft(), probabilities=probabilities)
            outputs = []
    yield from unreadable()


def add_heat(engine: Engine, answers: Iterable[Answer]) -> Iterator[Answer]:
    """Yields the answers with their heat.

    Args:
        engine: runs a `cell_network`.
        answers: to the whole picture, their only view.
    """
    ours, theirs = tee(answers)
    pixels = (answer.picture.pixels for answer in theirs)
    cells = engine.run(views for views in pixels if views is not None)
    for answer in ours:
        if answer.probabilities is None:
            yield answer
        else:
            best = answer.probabilities.argmax()
            yield replace(answer, heat=next(cells)[0, ..., best])


def _batches(
    views: Iterable[np.ndarray], size: Callable[[], int]
) -> Iterator[np.ndarray]:
    """Yields stacks of at most `size()` views, all of one shape."""
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
