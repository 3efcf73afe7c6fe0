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


class ElasticEngine:
    """Runs another engine on as many pictures at once as fit into memory.

    Attributes:
        engine: the other one.
    """

    def __init__(self, engine: Engine, reporter: Reporter) -> None:
        """Begins with the engine's own batches.

        Args:
            engine: one that answers batches of any size; its `run` can be called
                again after it has failed.
            reporter: told when batches become smaller.
        """
        self.engine = engine
        self._reporter = reporter
        self._fitting = self._told = engine.batch_size

    @property
    def name(self) -> str:
        """That of the other engine."""
        return self.engine.name

    @property
    def precision(self) -> str:
        """That of the other engine."""
        return self.engine.precision

    @property
    def batch_size(self) -> int:
        """That of the other engine, even where only parts of it fit."""
        return self.engine.batch_size

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        return self.engine.image_size

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the network's answers; see `Engine.run`.

        Raises:
            RunError: if not even one picture fits into memory.
        """
        coming = _Coming(iter(batches))
        while True:
            try:
                yield from self._answers(coming)
                return
            except Exception as error:
                if coming.failed or not is_out_of_memory(error):
                    raise
                if self._fitting == 1:
                    raise RunError(
                        f"memory runs out in {self.name} with one picture at once. Try "
                        "a smaller backbone (cnnxfer backbones), a smaller "
                        "--max-pixels, or another --precision or --engine."
                    ) from error
            # Here, not above: while the error was held, so was what had been allocated.
            gc.collect()
            self._fitting //= 2

    def _answers(self, coming: _Coming) -> Iterator[np.ndarray]:
        parts: list[np.ndarray] = []
        for rows in self.engine.run(coming.parts(self._fitting)):
            self._tell()
            parts.append(rows)
            if sum(map(len, parts)) == len(coming.unanswered[0]):
                coming.unanswered.popleft()
                yield np.concatenate(parts)
                parts = []

    def _tell(self) -> None:
        """Says that batches are smaller, once it is known which fit."""
        if self._fitting < self._told:
            self._told = self._fitting
            self._reporter.info(
                f"memory runs out: {self.name} goes on with batches of {self._fitting}"
            )


class _Coming:
    """Batches on their way: those that were taken are kept until they are answered."""

    def __init__(self, batches: Iterator[np.ndarray]) -> None:
        self.unanswered: deque[np.ndarray] = deque()
        self.failed = False
        self._batches = batches

    def parts(self, size: int) -> Iterator[np.ndarray]:
        """Yields all that is unanswered, then all that comes, in parts of `size`."""
        for batch in list(self.unanswered):
            yield from _split(batch, size)
        for batch in self._arriving():
            self.unanswered.append(batch)
            yield from _split(batch, size)

    def _arriving(self) -> Iterator[np.ndarray]:
        """Notes if an error is theirs who make the batches: there is no going on."""
        self.failed = True
        for batch in self._batches:
            self.failed = False
            yield batch
            self.failed = True
        self.failed = False


def _split(batch: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (batch[at : at + size] for at in range(0, len(batch), size))
