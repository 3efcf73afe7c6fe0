"""The interface of an engine, and the description of the network that it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cnnxfer.data.geometry import Geometry
from cnnxfer.engines.known_answers import published_answers
from cnnxfer.tasks.task import Task

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Outputs:
    """What the numbers are that a network returns.

    Attributes:
        task: the task that they answer; None for features.
        activated: whether they are probabilities and no longer logits.
    """

    task: Task | None = None
    activated: bool = False

    @property
    def activation(self) -> str:
        """Keras's name of the function from these numbers to probabilities."""
        return self.task.activation if self.task and not self.activated else "linear"

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Returns the probabilities that the numbers stand for; features as they are.

        Args:
            values: float32 `(..., classes)`.
        """
        if self.task is None or self.activated:
            return values
        return self.task.probabilities(values)

    def combined(
        self, values: np.ndarray, places: Sequence[Geometry], width: int, height: int
    ) -> np.ndarray:
        """Returns what is found in an image, from the outputs for its views.

        See `Task.combined`; without a task, it is the mean.

        Args:
            values: float32 `(views, ...)`.
            places: where each view lies in the image.
            width: the width of the upright image, in pixels.
            height: its height.
        """
        if self.task is None:
            mean: np.ndarray = values.mean(axis=0)
            return mean
        return self.task.combined(self.probabilities(values), places, width, height)


FEATURES = Outputs()


@dataclass(frozen=True)
class OwnEngine:
    """The only engine that runs a network, which is in the file of a runtime.

    Attributes:
        name: that of the engine, and of the format.
        precision: what the weights are stored in.
        runtime: the runtime and its version.
        open: returns the engine, given the largest number of images in a batch; None
            for a usual one.
    """

    name: str
    precision: str
    runtime: str
    open: Callable[[int | None], Engine]


@dataclass(frozen=True)
class Network:
    """A network that an engine can run: pixels in, numbers out."""

    # Hexadecimal SHA-256 of everything that determines its answers: the layers, their
    # weights and the image size. Cache entries of the network are named after it.
    key: str
    image_size: int  # side of its input images in pixels
    # Returns the Keras model, which computes in float32 and maps uint8 pixels
    # `(batch, size, size, 3)` in [0, 255] to float32 `(batch, ...)`.
    build: Callable[[], keras.Model]
    outputs: Outputs
    # None if any engine may run it.
    own_engine: OwnEngine | None = field(default=None, kw_only=True)
    # Whether `build` can be pickled, and builds the model in another process, too.
    portable: bool = field(default=False, kw_only=True)
    # What it is called in messages.
    title: str = field(default="the network", kw_only=True)
    # Returns what Keras answered to `formula_images` when the network was trained,
    # float32 `(images, ...)`; None if that was not kept.
    kept_answers: Callable[[], np.ndarray | None] | None = field(
        default=None, kw_only=True
    )

    @property
    def known_answers(self) -> np.ndarray | None:
        """Keras's answers to `formula_images`, float32 `(images, ...)`.

        None if they are not known.
        """
        if self.kept_answers:
            return self.kept_answers()
        return published_answers(self.key)


class Engine(Protocol):
    """Runs one network on batches of pixels.

    Attributes:
        name: the name of the engine, such as "openvino" or "keras".
        precision: what the engine computes in: "float32", "bfloat16" or "int8"; of an
            exported network, what its weights are stored in.
        calibration: what tells a network in int8 from those that were calibrated on
            other pictures; "" in other precisions.
        batch_size: the largest number of images in a batch.
    """

    name: str
    precision: str
    calibration: str
    batch_size: int

    @property
    def streams(self) -> int:
        """How many batches it computes at once: so many threads may call `run`."""

    @property
    def image_size(self) -> int:
        """The side in pixels of the images that the network takes."""

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the network's answers, batch by batch, in order.

        An engine reads only a few batches ahead of its answers.

        Args:
            batches: uint8 `(images, size, size, 3)`, 1 to `batch_size` images each.

        Yields:
            float32 `(images, ...)` for each batch.
        """
