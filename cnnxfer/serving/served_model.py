"""A model under a name, which is replaced when there is a newer version of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.images.decode import LITTLE
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.model_source import ModelSource, find_model
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter
from cnnxfer.serving.live_model import LiveModel, ModelClosed
from cnnxfer.serving.refusals import unavailable
from cnnxfer.serving.samples import sample_images
from cnnxfer.tasks.answer import Kind

MOST_PAUSE_SECONDS = 300.0  # until a version is tried again
Stamp = tuple[tuple[str, int, int], ...]  # the name, time and size of each file


@dataclass(frozen=True)
class Version:
    """One version of a model, which answers.

    Attributes:
        number: counts the versions from 1, as they were found.
        source: what the model is.
        live: answers for it.
        stamp: tells its files from those of other versions.
    """

    number: int
    source: ModelSource
    live: LiveModel
    stamp: Stamp

    @property
    def kind(self) -> Kind:
        """What its answers tell of an image."""
        return self.live.classifier.read_answer({}).kind


class ServedModel:
    """Answers with the newest version of a model that could be opened.

    Attributes:
        name: what clients call it.
    """

    def __init__(
        self,
        name: str,
        model: str | None,
        options: ClassifierOptions,
        runs_dir: str | Path | None,
        reporter: Reporter,
        on_batch: Callable[[int], None],
    ) -> None:
        """Opens the model.

        Args:
            name: what clients call it.
            model: what `find_model` finds: a run, a backbone or an export.
            options: how it answers.
            runs_dir: the directory of all runs.
            reporter: is told of new versions, and why one could not be opened.
            on_batch: called with the number of images of each batch.

        Raises:
            CnnxferError: if it cannot be opened.
        """
        self.name = name
        self._model, self._options, self._runs_dir = model, options, runs_dir
        self._reporter, self._on_batch = reporter, on_batch
        self._closed = False
        self._refused: Stamp = ()
        self._told = ""  # the last reason why a version could not be opened
        self._pause_seconds = self._next_look = 0.0  # after a failure that may pass
        source = find_model(model, runs_dir, reporter)
        self._current = self._open(1, source, _stamp(source))

    @property
    def current(self) -> Version:
        """The version that answers now."""
        return self._current

    async def predict(
        self, sources: Sequence[ImageSource]
    ) -> tuple[Version, list[Prediction]]:
        """Returns the version that answers, and its prediction for each image.

        Raises:
            Refusal: if this machine lacks memory or processes.
        """
        while True:
            version = self._current
            try:
                asked = [version.live.ask(source) for source in sources]
            except ModelClosed:  # in favour of a newer version, an instant ago
                await asyncio.sleep(0.01)
                continue
            try:
                found = await asyncio.gather(*map(asyncio.wrap_future, asked))
            except (RunError, MemoryError) as error:
                reason = str(error) or LITTLE
                self._reporter.warn(f"{self.name}: a request failed: {reason}")
                raise unavailable() from error
            return version, found

    def refresh(self) -> None:
        """Puts a newer version in the place of this one, if there is one.

        Requests go to the new version once it is ready; those that the old version has
        taken are answered by it.
        """
        if time.monotonic() < self._next_look:
            return
        stamp = self._stamp_of_export()
        if stamp and stamp in (self._current.stamp, self._refused):
            return
        try:
            source = find_model(self._model, self._runs_dir)
            stamp = _stamp(source)
            if stamp in (self._current.stamp, self._refused):
                return
            # Again: of files that were written meanwhile, the stamp is too new.
            source = find_model(self._model, self._runs_dir)
            newer = self._open(self._current.number + 1, source, stamp)
        except Exception as error:  # whatever it is, others are looked for later
            if isinstance(error, ConfigError | DataError):
                self._refused = stamp  # until its files change
            else:
                self._wait_longer()
            self._tell_once(error)
            return
        older, self._current, self._told = self._current, newer, ""
        self._pause_seconds = 0.0
        self._reporter.info(
            f"{self.name}: version {newer.number} is {source.name}, ready"
        )
        older.live.close()
        if self._closed:  # while the newer one was opened
            newer.live.close()

    def close(self) -> None:
        """Answers what was asked, and ends the model's threads and processes."""
        self._closed = True
        self._current.live.close()

    def _stamp_of_export(self) -> Stamp:
        """Returns the stamp of an export; () of others, and where a file is missing.

        `find_model` hashes all its files, so they are looked at first.
        """
        source = self._current.source
        try:
            return () if source.run else _stamp(source)
        except OSError:
            return ()

    def _wait_longer(self) -> None:
        self._pause_seconds = min(
            MOST_PAUSE_SECONDS, 2 * (self._pause_seconds or Watch.SECONDS)
        )
        self._next_look = time.monotonic() + self._pause_seconds

    def _tell_once(self, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        if reason != self._told:
            self._told = reason
            self._reporter.warn(
                f"{self.name}: what is there now cannot be served; version "
                f"{self._current.number} goes on: {reason}"
            )

    def _open(self, number: int, source: ModelSource, stamp: Stamp) -> Version:
        classifier = Classifier(source, self._options, self._reporter)

        def samples() -> np.ndarray:
            return sample_images(source, classifier.network.image_size, self._reporter)

        live = LiveModel(classifier, samples, self._on_batch)
        return Version(number, source, live, stamp)


STOP_SECONDS = 1.0


class Watch:
    """A thread that looks for newer versions of models, until it is stopped."""

    SECONDS = 2.0

    def __init__(self, models: Sequence[ServedModel]) -> None:
        """Starts the thread."""
        self._models = models
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, unless it opens a model, which may take minutes."""
        self._stopped.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopped.wait(self.SECONDS):
            for model in self._models:
                model.refresh()


def _stamp(source: ModelSource) -> Stamp:
    stats = [(str(path), path.stat()) for path in source.files]
    return tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats)
