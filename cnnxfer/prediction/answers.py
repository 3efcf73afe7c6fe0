"""A stream of answers: decoded images are run in batches on the fastest engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, tee

import numpy as np

from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.data.decoding.pool import DecodedImage, decode_all
from cnnxfer.data.images.source import ImageSource
from cnnxfer.engines.choice import SAMPLES, choose_engine, prepare_next_time
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.engines.engine import Engine, Network
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.reporting import Reporter

# Maps the network's outputs for all views of an image, float32 `(views, ...)`, to the
# image's probabilities, float32 `(classes,)`.
CombineViews = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Answer:
    """The model's answer to one image.

    Attributes:
        picture: the decoded image, or why it could not be read. Its pixels are those
            of all views, uint8 `(views, height, width, 3)`.
        probabilities: float32 `(classes,)`; None if the image could not be read.
        heat: float32 `(rows, columns)`, the probability of the best class at each cell
            of the image; None if it was not asked for.
    """

    picture: DecodedImage
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
        title: title of the progress bar.
        reporter: draws the progress bar.
        total: the number of answers; None if it is not known.
        frames: "first" to answer the first frame of each file, or "all" to answer
            every frame.
        max_pixels: images with more pixels are not decoded.
    """
    views = classifier.views
    decoded = decode_all(sources, views, frames=frames, max_pixels=max_pixels)
    return Answers(classifier, decoded, title, reporter, total)


class Answers(Iterator[Answer]):
    """An iterator over the answers to images, in the order of the images."""

    def __init__(
        self,
        classifier: Classifier,
        decoded: Generator[DecodedImage, None, None],
        title: str,
        reporter: Reporter,
        total: int | None,
    ) -> None:
        """Sets up the iterator; nothing is decoded yet.

        Args:
            classifier: the model that answers.
            decoded: the images, as `decode_all` yields them.
            title: title of the progress bar.
            reporter: draws the progress bar.
            total: the number of answers; None if it is not known.
        """
        self._classifier = classifier
        self._decoded = decoded
        self._images = _SampledImages(decoded, classifier.network.image_size)
        self._reporter = reporter
        self._engines: list[tuple[Network, ElasticEngine]] = []
        self._answers = self._answer(title, total)

    def __next__(self) -> Answer:
        """Returns the next answer.

        Raises:
            ConfigError: if this machine lacks the engine or the precision.
            RunError: if an engine or a precision that is asked for by name does not
                answer as Keras does.
        """
        return next(self._answers)

    def close(self) -> None:
        """Ends decoding and computing at once."""
        self._answers.close()
        self._decoded.close()

    def prepare_next_time(self) -> None:
        """Prepares a faster engine for the next time, if there were too few images now.

        Call it after the last answer; see `engines.choice.prepare_next_time`.
        """
        for network, engine in self._engines:
            prepare_next_time(
                network,
                engine,
                engine=self._classifier.engine_options.engine,
                precision=self._classifier.engine_options.precision,
                samples=self._images.samples,
                reporter=self._reporter,
            )

    def _answer(self, title: str, total: int | None) -> Generator[Answer, None, None]:
        classifier = self._classifier
        choose = partial(
            choose_engine,
            engine=classifier.engine_options.engine,
            precision=classifier.engine_options.precision,
            batch=classifier.engine_options.batch,
            samples=self._images.samples,
            reporter=self._reporter,
        )
        with closing(self._decoded):
            networks = filter(None, [classifier.network, classifier.cells])
            try:
                self._engines = [(network, choose(network)) for network in networks]
            except NothingReadable:
                yield from map(Answer, self._images)
                return
            (_, engine), *cell_engines = self._engines
            answers = answer_in_order(
                engine, self._images, classifier.mean_probabilities
            )
            for _, cell_engine in cell_engines:
                answers = add_heat(cell_engine, answers)
            with self._reporter.progress(title, total, "images") as advance:
                for answer in answers:
                    yield answer
                    advance()


class _SampledImages(Iterator[DecodedImage]):
    """An iterator over decoded images that can sample the first ones in advance."""

    def __init__(self, images: Iterator[DecodedImage], size: int) -> None:
        """Wraps `images`; samples have sides of `size` pixels."""
        self._source = images
        self._read_ahead: deque[DecodedImage] = deque()
        self._size = size
        self._samples: list[np.ndarray] = []

    def __next__(self) -> DecodedImage:
        return self._read_ahead.popleft() if self._read_ahead else self._read()

    def samples(self) -> np.ndarray:
        """Returns the central squares of the first `SAMPLES` readable images.

        Returns:
            uint8 `(images, size, size, 3)`; fewer than `SAMPLES` if there are no more.

        Raises:
            NothingReadable: if no image can be read.
        """
        while len(self._samples) < SAMPLES:
            try:
                self._read_ahead.append(self._read())
            except StopIteration:
                break
        if not self._samples:
            raise NothingReadable
        return np.stack(self._samples)

    def _read(self) -> DecodedImage:
        image = next(self._source)
        if image.pixels is not None and len(self._samples) < SAMPLES:
            self._samples.append(_central_square(image.pixels[0], self._size))
        return image


class NothingReadable(Exception):
    """Raised if there is no readable image to choose an engine with."""


def _central_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Returns the square in the middle, uint8 `(size, size, 3)`."""
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return pixels[top : top + size, left : left + size]


def answer_in_order(
    engine: Engine, images: Iterable[DecodedImage], combine: CombineViews
) -> Iterator[Answer]:
    """Yields an answer for each image; unreadable images get one without probabilities.

    Args:
        engine: runs batches of views; a batch may hold the views of several images.
        images: the images, as `decode_all` yields them.
        combine: maps the outputs for an image's views to its probabilities.
    """
    pending: deque[Answer] = deque()

    def views() -> Iterator[np.ndarray]:
        for image in images:
            pending.append(Answer(image))
            if image.pixels is not None:
                yield from image.pixels

    def unreadable() -> Iterator[Answer]:
        while pending and pending[0].picture.pixels is None:
            yield pending.popleft()

    outputs: list[np.ndarray] = []  # for the views of the first pending image
    batches = _batches(views(), lambda: engine.batch_size)
    for output in chain.from_iterable(engine.run(batches)):
        yield from unreadable()
        outputs.append(output)
        pixels = pending[0].picture.pixels
        if pixels is not None and len(outputs) == len(pixels):
            probabilities = combine(np.stack(outputs))
            yield replace(pending.popleft(), probabilities=probabilities)
            outputs = []
    yield from unreadable()


def add_heat(engine: Engine, answers: Iterable[Answer]) -> Iterator[Answer]:
    """Yields the answers with their heat.

    Args:
        engine: runs a network from `cell_network`.
        answers: answers to images whose only view is the whole image.
    """
    answers, answers_to_run = tee(answers)
    pixels = (answer.picture.pixels for answer in answers_to_run)
    cells = engine.run(views for views in pixels if views is not None)
    for answer in answers:
        if answer.probabilities is None:
            yield answer
        else:
            best = answer.probabilities.argmax()
            yield replace(answer, heat=next(cells)[0, ..., best])


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
