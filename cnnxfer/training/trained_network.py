"""What a phase trains, and what it is fed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import keras
import numpy as np

from cnnxfer.engines.agreement import Verdict, compare
from cnnxfer.errors import DataError
from cnnxfer.training.task import Setup

Order = Callable[[int], np.ndarray]


class TrainedNetwork(Protocol):
    """What a phase trains, and what it is fed with.

    Attributes:
        setup: the run.
        model: what learns: inputs to float32 logits `(batch, classes)`. It has no
            variables but those of `classifier`.
        classifier: the whole network, pixels to logits in float32, which is saved.
            What is trainable in it learns.
    """

    setup: Setup
    model: keras.Model
    classifier: keras.Model

    def training_batches(
        self, order: Order, *, batch_size: int, steps_per_epoch: int, first_step: int
    ) -> Any:
        """Returns batches to train on, without end.

        What a step holds follows from the seed and its number alone.

        Args:
            order: of an epoch, counted from 0: the indices of its training images.
            batch_size: images a step.
            steps_per_epoch: how many batches an epoch has.
            first_step: to begin with, counted from the first of epoch 0.

        Returns:
            A `tf.data.Dataset` of inputs and float32 targets `(batch, classes)`.
        """

    def validation_batches(self, batch_size: int) -> tuple[Any, int]:
        """Returns the validation images' inputs in order, and how many batches.

        The last batch is filled up: one of another size would be compiled anew, and
        replicas left without an image would fail.
        """

    def agreement(self) -> Verdict:
        """Compares what learns with `classifier`, on some of the validation images."""

    @property
    def failure(self) -> DataError | None:
        """Why batches could not be made; None if they could."""

    def close(self) -> None:
        """Ends the reading ahead; nothing can be trained any more."""


def compared(
    trained: TrainedNetwork, inputs: np.ndarray, pixels: np.ndarray
) -> Verdict:
    """Compares what a network in training and its classifier answer to the same images.

    Args:
        trained: has the model that learns, and the classifier.
        inputs: what the model that learns takes, a row an image.
        pixels: uint8 `(images, size, size, 3)`.
    """
    return compare(
        trained.model.predict_on_batch(inputs),
        trained.classifier.predict_on_batch(pixels),
        outputs="multi-label logits" if trained.setup.multi_label else "logits",
        precision="head",
    )
