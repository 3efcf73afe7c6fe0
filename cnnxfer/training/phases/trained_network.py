"""What a phase trains, and what it is fed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import keras
import numpy as np

from cnnxfer.data.feeding.loader import Loader
from cnnxfer.data.feeding.pixels import central_batches, training_batches
from cnnxfer.engines.agreement import Verdict, compare
from cnnxfer.errors import DataError
from cnnxfer.networks.fused.network import training_twin
from cnnxfer.tasks.targets import targets_of
from cnnxfer.training.activations.engines import central_pixels, spread
from cnnxfer.training.task import Setup

Order = Callable[[int], np.ndarray]


class Trainee(Protocol):
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


def some_of_validation(setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Returns numbers of validation images, and their uint8 pixels."""
    validation = setup.parts.validation
    samples = spread(len(validation))
    return samples, central_pixels(setup, [validation[index] for index in samples])


def compared(trainee: Trainee, inputs: np.ndarray, pixels: np.ndarray) -> Verdict:
    """Compares what a trainee's model and its classifier answer to the same images.

    Args:
        trainee: whose.
        inputs: of its model.
        pixels: uint8 `(images, size, size, 3)`.
    """
    return compare(
        trainee.model.predict_on_batch(inputs),
        trainee.classifier.predict_on_batch(pixels),
        outputs="multi-label logits" if trainee.setup.multi_label else "logits",
        precision="head",
    )


class WholeNetwork:
    """A classifier that learns from pixels, every layer computed in every step."""

    def __init__(self, setup: Setup, classifier: keras.Model) -> None:
        """Makes the classifier's twin, in the precision of the run.

        Args:
            setup: the run.
            classifier: in float32, built in the scope of the run's devices; what is
                trainable in it learns.
        """
        self.setup = setup
        self.classifier = classifier
        with setup.devices.scope():
            self.model = training_twin(classifier, setup.precision)
        self._train_loader = Loader(setup.parts.train, setup.image_size)
        self._loaders = [self._train_loader]

    def training_batches(
        self, order: Order, *, batch_size: int, steps_per_epoch: int, first_step: int
    ) -> Any:
        """See `Trainee`; inputs are uint8 `(batch, size, size, 3)`."""
        setup = self.setup
        return training_batches(
            self._train_loader,
            targets_of(setup.parts.train, len(setup.class_names)),
            setup.config,
            order,
            batch_size=batch_size,
            steps_per_epoch=steps_per_epoch,
            first_step=first_step,
            prefetch_to=setup.devices.prefetch_to,
        )

    def validation_batches(self, batch_size: int) -> tuple[Any, int]:
        """See `Trainee`; inputs are uint8 `(batch, size, size, 3)`."""
        setup = self.setup
        validation = setup.parts.validation
        filled = [*validation, *validation[: -len(validation) % batch_size]]
        loader = Loader(filled, setup.image_size)
        for former in self._loaders[1:]:  # of other batches
            former.close()
        self._loaders = [self._train_loader, loader]
        batches = central_batches(
            loader,
            setup.config.central_crop,
            batch_size=batch_size,
            prefetch_to=setup.devices.prefetch_to,
        )
        return batches, len(filled) // batch_size

    def agreement(self) -> Verdict:
        """See `Trainee`."""
        _, pixels = some_of_validation(self.setup)
        return compared(self, pixels, pixels)

    @property
    def failure(self) -> DataError | None:
        """See `Trainee`."""
        return next((it.failure for it in self._loaders if it.failure), None)

    def close(self) -> None:
        """See `Trainee`."""
        for loader in self._loaders:
            loader.close()
