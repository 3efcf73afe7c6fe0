"""What an engine is, and what it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    import keras

# Multi-label: each class has a probability of its own, whatever the others have.
Outputs = Literal[
    "features",
    "logits",
    "probabilities",
    "multi-label logits",
    "multi-label probabilities",
]
MULTI_LABEL = ("multi-label logits", "multi-label probabilities")


@dataclass(frozen=True)
class Network:
    """What an engine runs: pixels in, numbers out.

    Attributes:
        key: hexadecimal SHA-256 of everything that decides its answers: the layers,
            their weights, the image size. It names what is kept of the network.
        image_size: side in pixels.
        build: makes it with Keras, in float32: from uint8 pixels
            `(batch, size, size, 3)` in [0, 255] to float32 `(batch, ...)`.
        outputs: what its numbers are.
    """

    key: str
    image_size: int
    build: Callable[[], keras.Model]
    outputs: Outputs


class Engine(Protocol):
    """Runs one network on batches of pixels."""

    @property
    def name(self) -> str:
        """One of `ENGINES`."""
        ...

    @property
    def precision(self) -> str:
        """What it computes in: "float32" or "bfloat16"."""
        ...

    @property
    def batch_size(self) -> int:
        """How many images it takes at once, at most."""
        ...

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        ...

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the network's answers, batch by batch, in order.

        It takes a few batches more than it has answered, never many.

        Args:
            batches: uint8 `(images, size, size, 3)`, 1 to `batch_size` images each.

        Returns:
            float32 `(images, ...)` for each batch.
        """
        ...
