"""Answers as they come: batches for the engine that the first pictures choose."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, tee

import numpy as np

from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.data.decoding.pool import Decoded, decode_all
from cnnxfer.data.images.source import ImageSource
from cnnxfer.engines.choice import SAMPLES, choose_engine, prepare_next_time
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.engines.engine import Engine, Network
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.reporting import Reporter

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


def answer_images(
    classifier: Classifier,
    sources: Iterable[ImageSource],
    title: str,
    reporter: Reporter,
    *,
    total: int | None = None,
    frames: str = "first",
    max_pixels: int = MAX_PIXELS,
) -> Answers:
    """Returns an answer for each image, in order; decodes while it computes.

    Args:
        classifier: the model that answers.
        sources: the images.
        title: what the progress bar says.
        reporter: draws the progress bar.
        total: how many answers there will be; None if that is not known.
        frames: "first", or "all" of a file that has several, one answer each.
        max_pixels: larger pictures are not decoded.
    """
    decoded = decode_all(sources, classifier.see, frames=frames, max_pixels=max_pixels)
    return Answers(classifier, decoded, title, reporter, total)


class Answers(Iterator[Answer]):
    """An answer for each image, in order."""

    def __init__(
        self,
        classifier: Classifier,
        decoded: Generator[Decoded, None, None],
        title: str,
        reporter: Reporter,
        total: int | None,
    ) -> None:
        """Takes what `answer_images` takes, and pictures as they are decoded."""
        self._classifier = classifier
        self._decoded = decoded
        self._pictures = _Pictures(decoded, classifier.network.image_size)
        self._reporter = reporter
        self._engines: list[tuple[Network, ElasticEngine]] = []
        self._answers = self._answer(title, total)

    def __next__(self) -> Answer:
        """Returns the next answer.

        Raises:
            ConfigError: if the engine or the precision cannot be had here.
            RunError: if one that is asked for by name does not answer as Keras does.
        """
        return next(self._answers)

    def close(self) -> None:
        """Ends the work at once."""
        self._answers.close()
        self._decoded.close()

    def prepare_next_time(self) -> None:
        """Lets a faster engine answer the next time, where pictures were too few now.

        To be called behind the last answer, which need not wait for it; see
        `engines.choice.prepare_next_time`.
        """
        for network, engine in self._engines:
            prepare_next_time(
                network,
                engine,
                engine=self._classifier.computing.engine,
                precision=self._classifier.computing.precision,
                samples=self._pictures.samples,
                reporter=self._reporter,
            )

    def _answer(self, title: str, total: int | None) -> Generator[Answer, None, None]:
        classifier = self._classifier
        choose = partial(
            choose_engine,
            engine=classifier.computing.engine,
            precision=classifier.computing.precision,
            batch=classifier.computing.batch,
            samples=self._pictures.samples,
            reporter=self._reporter,
        )
        with closing(self._decoded):
            networks = filter(None, [classifier.network, classifier.cells])
            try:
                self._engines = [(network, choose(network)) for network in networks]
            except NothingReadable:
                yield from map(Answer, self._pictures)
                return
            (_, engine), *heating = self._engines
            answers = answer_in_order(engine, self._pictures, classifier.conclude)
            for _, cells_engine in heating:
                answers = add_heat(cells_engine, answers)
            with self._reporter.progress(title, total, "images") as advance:
                for answer in answers:
                    yield answer
                    advance()


class _Pictures(Iterator[Decoded]):
    """Pictures as they come, the first of which can be looked at before their turn."""

    def __init__(self, pictures: Iterator[Decoded], size: int) -> None:
        """Takes pictures, and the side in pixels of what the network sees."""
        self._coming = pictures
        self._waiting: deque[Decoded] = deque()
        self._size = size
        self._samples: list[np.ndarray] = []

    def __next__(self) -> Decoded:
        return self._waiting.popleft() if self._waiting else self._take()

    def samples(self) -> np.ndarray:
        """Returns what is seen of the first `SAMPLES` readable pictures.

        Returns:
            uint8 `(pictures, size, size, 3)`; of fewer, if there are no more.

        Raises:
            NothingReadable: if there is none.
        """
        while len(self._samples) < SAMPLES:
            try:
                self._waiting.append(self._take())
            except StopIteration:
                break
        if not self._samples:
            raise NothingReadable
        return np.stack(self._samples)

    def _take(self) -> Decoded:
        picture = next(self._coming)
        if picture.pixels is not None and len(self._samples) < SAMPLES:
            self._samples.append(_middle(picture.pixels[0], self._size))
        return picture


class NothingReadable(Exception):
    """There is no picture to try an engine on."""


def _middle(pixels: np.ndarray, size: int) -> np.ndarray:
    """Returns the square in the middle, uint8 `(size, size, 3)`."""
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return pixels[top : top + size, left : left + size]


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
