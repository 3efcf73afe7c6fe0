"""Trains a whole network on pixels."""

from __future__ import annotations

from typing import Any

import keras

from cnnxfer.data.feeding.loader import Loader
from cnnxfer.data.feeding.pixels import central_batches, training_batches
from cnnxfer.errors import DataError
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.training.activations.engines import validation_samples
from cnnxfer.training.task import Setup
from cnnxfer.training.trained_network import Order, compared


class WholeNetwork:
    """A classifier that is trained on pixels; a `TrainedNetwork`.

    Attributes:
        setup: the run and everything it is trained with.
        classifier: the whole network in float32, which is saved.
        model: the fused network that is trained, in the precision of the run.
    """

    def __init__(self, setup: Setup, classifier: keras.Model) -> None:
        """Builds the classifier's fused network, in the precision of the run.

        Args:
            setup: the run and everything it is trained with.
            classifier: the whole network in float32, built in the scope of the run's
                devices; its trainable layers learn.
        """
        self.setup = setup
        self.classifier = classifier
        with setup.devices.scope():
            self.model = fused_network(classifier, setup.precision)
        self._train_loader = Loader(setup.splits.train, setup.image_size)
        self._loaders = [self._train_loader]

    def training_batches(
        self, order: Order, *, batch_size: int, steps_per_epoch: int, first_step: int
    ) -> Any:
        """See `TrainedNetwork`; inputs are uint8 `(batch, size, size, 3)`."""
        setup = self.setup
        return training_batches(
            self._train_loader,
            setup.targets(setup.splits.train),
            setup.config,
            order,
            batch_size=batch_size,
            steps_per_epoch=steps_per_epoch,
            first_step=first_step,
            prefetch_to=setup.devices.prefetch_to,
        )

    def validation_batches(self, batch_size: int) -> tuple[Any, int]:
        """See `TrainedNetwork`; inputs are uint8 `(batch, size, size, 3)`."""
        setup = self.setup
        validation = setup.splits.validation
        filled = [*validation, *validation[: -len(validation) % batch_size]]
        loader = Loader(filled, setup.image_size)
        for previous in self._loaders[1:]:  # from an earlier call
            previous.close()
        self._loaders = [self._train_loader, loader]
        batches = central_batches(
            loader,
            setup.config.central_crop,
            batch_size=batch_size,
            prefetch_to=setup.devices.prefetch_to,
        )
        return batches, len(filled) // batch_size

    def agreement(self) -> Verdict:
        """See `TrainedNetwork`."""
        _, pixels = validation_samples(self.setup)
        return compared(self, pixels, pixels)

    @property
    def failure(self) -> DataError | None:
        """See `TrainedNetwork`."""
        return next(
            (loader.failure for loader in self._loaders if loader.failure), None
        )

    def close(self) -> None:
        """See `TrainedNetwork`."""
        for loader in self._loaders:
            loader.close()
