"""The network that a phase trains, and the batches it is trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import keras
import numpy as np

from cnnxfer.engines.agreement import compare
from cnnxfer.engines.engine import Outputs
from cnnxfer.errors import DataError
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.training.task import Setup

Order = Callable[[int], np.ndarray]


class TrainedNetwork(Protocol):
    """A network in training, with the batches it is trained and validated on.

    Attributes:
        setup: the run and everything it is trained with.
        model: the model that is trained; it maps inputs to float32 logits
            `(batch, classes)` and has no variables other than those of `classifier`.
        classifier: the whole network that is saved; it maps pixels to logits in
            float32. Its trainable variables are those that training changes.
    """

    setup: Setup
    model: keras.Model
    classifier: keras.Model

    def training_batches(
        self, order: Order, *, batch_size: int, steps_per_epoch: int, first_step: int
    ) -> Any:
        """Returns an endless data set of training batches.

        The seed and the number of a step alone determine its batch.

        Args:
            order: returns the indices of the training images of an epoch, in order;
                epochs are counted from 0.
            batch_size: the number of images in a batch.
            steps_per_epoch: the number of batches in an epoch.
            first_step: the number of the first batch; 0 is the first of epoch 0.

        Returns:
            A `tf.data.Dataset` of inputs and float32 targets `(batch, classes)`.
        """

    def validation_batches(self, batch_size: int) -> tuple[Any, int]:
        """Returns batches of the validation images in order, and their number.

        The last batch is filled up with images from the beginning: Keras would compile
        the model again for a batch of another size, and replicas without an image
        would fail.

        Args:
            batch_size: the number of images in a batch.

        Returns:
            A `tf.data.Dataset` of inputs, and the number of batches.
        """

    def agreement(self) -> Verdict:
        """Compares `model` with `classifier` on some of the validation images."""

    @property
    def failure(self) -> DataError | None:
        """The error that ended the reading of images; None if there was none."""

    def close(self) -> None:
        """Stops reading ahead; the network cannot be trained afterwards."""


def compared(
    trained: TrainedNetwork, inputs: np.ndarray, pixels: np.ndarray
) -> Verdict:
    """Compares the logits of a network's `model` with those of its `classifier`.

    Args:
        trained: the network in training.
        inputs: inputs of `trained.model`, one row for each image.
        pixels: inputs of `trained.classifier` for the same images, uint8
            `(images, size, size, 3)`.
    """
    return compare(
        trained.model.predict_on_batch(inputs),
        trained.classifier.predict_on_batch(pixels),
        outputs=Outputs(trained.setup.task),
        precision="head",
    )
