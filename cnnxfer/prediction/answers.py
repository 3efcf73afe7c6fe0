"""Answers as they come, by the engine that is chosen on the first pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.data.decoding.pool import Decoded
from cnnxfer.engines.choice import (
    SAMPLES,
    choose_engine,
    prepare_next_time,
)
from cnnxfer.prediction.answering import Answer, add_heat, answer_in_order
from cnnxfer.reporting import Reporter

if TYPE_CHECKING:
    from cnnxfer.engines.elastic_engine import ElasticEngine
    from cnnxfer.engines.engine import Network
    from cnnxfer.prediction.classifier import Classifier


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
        """Takes what `Classifier.answer` takes, and pictures as they are decoded."""
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
