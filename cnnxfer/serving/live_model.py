"""A model that answers images as they come, from any thread."""

from __future__ import annotations

import math
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from cnnxfer.data.decoding.pool import WORKERS, DecodedImage
from cnnxfer.data.decoding.single import SingleDecoder
from cnnxfer.data.images.source import ImageSource
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.engines.trial import answer_all
from cnnxfer.prediction.answers import Answer
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.prediction import Prediction

DECODING_SECONDS = 10.0  # for an image; whoever asks does not wait longer


class ModelClosed(Exception):
    """Raised to whoever asks a model that takes no more images."""


@dataclass(eq=False)
class _Asked:
    """An image that waits for its answer."""

    source: ImageSource
    answer: Future[Prediction] = field(default_factory=Future)


@dataclass(eq=False)
class _Seen:
    """An image that waits for the engine."""

    asked: _Asked
    picture: DecodedImage
    pixels: np.ndarray  # of all views, uint8 `(views, height, width, 3)`


class LiveModel:
    """Answers each image as soon as it can, whatever others wait for.

    As many processes as there are cores decode images, each one at a time. As many
    threads as the engine has streams take what is decoded: an image that comes while
    a stream is idle is answered at once and alone, and those that come while all are
    busy are answered in batches, so that nothing ever waits for a batch to fill.
    """

    def __init__(
        self,
        classifier: Classifier,
        samples: Callable[[], np.ndarray],
        on_batch: Callable[[int], None] = lambda images: None,
    ) -> None:
        """Chooses the engine, and waits until it is ready.

        Args:
            classifier: the model, whose engine and views are used.
            samples: returns images to compare engines on, if that was not done.
            on_batch: called with the number of images of each batch.

        Raises:
            ConfigError: if this machine lacks the engine or the precision.
            RunError: if the network cannot be loaded, or a process cannot be started.
        """
        self.classifier = classifier
        with ExitStack() as unless_ready:
            # The processes start while the engine is opened.
            decoders = []
            for _ in range(WORKERS):
                decoders.append(SingleDecoder(classifier.reader, DECODING_SECONDS))
                unless_ready.callback(decoders[-1].close)
            self._engine: ElasticEngine = classifier.engines(samples, few=True)[0]
            size = self._engine.image_size
            answer_all(self._engine, np.zeros((1, size, size, 3), np.uint8))
            unless_ready.pop_all()
        self._on_batch = on_batch
        self._undecoded: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._seen: deque[_Seen] = deque()
        self._changed = threading.Condition()
        self._closing = self._decoded_all = False
        self._decoding = [
            threading.Thread(target=self._decode, args=[decoder], daemon=True)
            for decoder in decoders
        ]
        self._answering = [
            threading.Thread(target=self._answer, daemon=True)
            for _ in range(self._engine.streams)
        ]
        for thread in (*self._decoding, *self._answering):
            thread.start()

    @property
    def variant(self) -> tuple[str, str]:
        """The engine that answers, and its precision."""
        return self._engine.name, self._engine.precision

    def ask(self, source: ImageSource) -> Future[Prediction]:
        """Returns the prediction for an image, once it is there; any thread may ask.

        One that cannot be read has an `error`. An image whose future is cancelled
        before it is decoded costs nothing.

        Raises:
            ModelClosed: if it takes no more images.
        """
        asked = _Asked(source)
        with self._changed:
            if self._closing:
                raise ModelClosed
            self._undecoded.put(asked)
        return asked.answer

    def close(self) -> None:
        """Answers what it was asked, and ends all threads and processes."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            for _ in self._decoding:
                self._undecoded.put(None)  # after all images that were asked
        for thread in self._decoding:
            thread.join()
        with self._changed:
            self._decoded_all = True
            self._changed.notify_all()
        for thread in self._answering:
            thread.join()
        self.classifier.close()

    def _decode(self, decoder: SingleDecoder) -> None:
        while asked := self._undecoded.get():
            if not asked.answer.set_running_or_notify_cancel():
                continue
            try:
                picture = decoder.decode(asked.source)
                if picture.pixels is None:
                    self._tell(asked, Answer(picture))
                else:
                    self._put(_Seen(asked, picture, picture.pixels))
            except Exception as error:
                asked.answer.set_exception(error)
        decoder.close()

    def _put(self, seen: _Seen) -> None:
        with self._changed:
            self._seen.append(seen)
            self._changed.notify()

    def _answer(self) -> None:
        while batch := self._next_batch():
            self._on_batch(len(batch))
            try:
                pixels = np.concatenate([seen.pixels for seen in batch])
                outputs = answer_all(self._engine, pixels)
                ends = np.cumsum([len(seen.pixels) for seen in batch])
                for seen, rows in zip(
                    batch, np.split(outputs, ends[:-1].tolist()), strict=True
                ):
                    found = self.classifier.combined(rows, seen.picture)
                    self._tell(seen.asked, Answer(seen.picture, found))
            except Exception as error:
                for seen in batch:
                    if not seen.asked.answer.done():
                        seen.asked.answer.set_exception(error)

    def _next_batch(self) -> list[_Seen]:
        """Waits for decoded images; returns none when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._seen or self._decoded_all)
            if not self._seen:
                return []
            # Streams that become idle in a moment get their share.
            share = math.ceil(len(self._seen) / self._engine.streams)
            batch = [self._seen.popleft()]
            shape = batch[0].pixels.shape
            most = max(1, min(share, self._engine.batch_size // shape[0]))
            while (
                len(batch) < most and self._seen and self._seen[0].pixels.shape == shape
            ):
                batch.append(self._seen.popleft())
            return batch

    def _tell(self, asked: _Asked, answer: Answer) -> None:
        prediction = self.classifier.prediction_of(answer)
        asked.answer.set_result(prediction.without_content())
