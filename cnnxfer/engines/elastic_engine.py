"""An engine that goes on with smaller batches where memory runs out."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from cnnxfer.engines.engine import Engine
from cnnxfer.errors import RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import option


class ElasticEngine:
    """Runs an engine on as many images at once as fit into memory.

    Attributes:
        engine: computes the answers. It answers batches of any size, and its `run` can
            be called again after it has failed.
    """

    def __init__(self, engine: Engine, reporter: Reporter) -> None:
        """Starts with the batch size of `engine`; reports when it becomes smaller."""
        self.engine = engine
        self.name, self.precision = engine.name, engine.precision
        self.calibration = engine.calibration
        self.batch_size = engine.batch_size  # even where only parts of a batch fit
        self._reporter = reporter
        self._fitting_size = self._reported_size = engine.batch_size

    @property
    def image_size(self) -> int:
        """The side in pixels of the images that `engine` takes."""
        return self.engine.image_size

    @property
    def streams(self) -> int:
        """How many batches `engine` computes at once."""
        return self.engine.streams

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the network's answers; see `Engine.run`.

        Raises:
            RunError: if not even one image fits into memory.
        """
        pending = _PendingBatches(iter(batches))
        while True:
            size = self._fitting_size  # another thread may lower it meanwhile
            try:
                yield from self._answers(pending, size)
                return
            except Exception as error:
                if pending.source_failed or not is_out_of_memory(error):
                    raise
                if size == 1:
                    raise RunError(
                        f"memory runs out in {self.name} with one image at a time. Try "
                        "a smaller backbone (cnnxfer backbones), a smaller "
                        f"{option('--max-pixels')}, or another "
                        f"{option('--precision')} or {option('--engine')}."
                    ) from error
            # Out here, the error no longer holds on to what had been allocated.
            gc.collect()
            self._fitting_size = min(self._fitting_size, size // 2)

    def _answers(self, pending: _PendingBatches, size: int) -> Iterator[np.ndarray]:
        parts: list[np.ndarray] = []
        for rows in self.engine.run(pending.parts(size)):
            self._report_smaller_batches()
            parts.append(rows)
            if sum(map(len, parts)) == len(pending.unanswered[0]):
                pending.unanswered.popleft()
                yield np.concatenate(parts)
                parts = []

    def _report_smaller_batches(self) -> None:
        """Reports the new batch size once an answer has shown that it fits."""
        if self._fitting_size < self._reported_size:
            self._reported_size = self._fitting_size
            self._reporter.info(
                f"memory runs out: {self.name} goes on with batches of "
                f"{self._fitting_size}"
            )


class _PendingBatches:
    """Batches from a source, each kept until it is answered.

    `source_failed` tells whether the source of the batches raised the last error.
    """

    def __init__(self, batches: Iterator[np.ndarray]) -> None:
        self.unanswered: deque[np.ndarray] = deque()
        self.source_failed = False
        self._batches = batches

    def parts(self, size: int) -> Iterator[np.ndarray]:
        """Yields the unanswered batches, then new ones, in parts of at most `size`."""
        for batch in list(self.unanswered):
            yield from _split(batch, size)
        for batch in self._new_batches():
            self.unanswered.append(batch)
            yield from _split(batch, size)

    def _new_batches(self) -> Iterator[np.ndarray]:
        """Yields batches of the source, and notes if it fails: it cannot be resumed."""
        self.source_failed = True
        for batch in self._batches:
            self.source_failed = False
            yield batch
            self.source_failed = True
        self.source_failed = False


def _split(batch: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (batch[at : at + size] for at in range(0, len(batch), size))
