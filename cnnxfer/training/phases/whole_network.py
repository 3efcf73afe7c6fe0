"""Trains a whole network on pixels."""

from typing import Any

import keras

from cnnxfer.data.feeding.loader import Loader
from cnnxfer.data.feeding.pixels import central_batches, training_batches
from cnnxfer.errors import DataError
from cnnxfer.networks.auxiliary import AuxiliaryLosses
from cnnxfer.networks.classifier import logits_of
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.training.activations.engines import validation_samples
from cnnxfer.training.setup import Setup
from cnnxfer.training.trained_network import Order, TrainedNetwork


class WholeNetwork(TrainedNetwork):
    """A classifier that is trained on pixels, as its fused network."""

    def __init__(
        self, setup: Setup, classifier: keras.Model, *, auxiliary: bool = False
    ) -> None:
        """Builds the fused network in the precision of the run.

        The classifier was built in the scope of the devices, in float32. With
        `auxiliary`, the classifiers in the middle of the backbone learn with it.
        """
        learning = classifier
        entry = setup.backbone.auxiliary if auxiliary else None
        with setup.devices.scope():
            if entry:
                learning = setup.add_auxiliary_classifiers(classifier)
            model = fused_network(logits_of(learning), setup.precision)
            if entry:
                model = AuxiliaryLosses(model, entry.weight)
        super().__init__(setup, classifier, model, learning)
        self._train_loader = Loader(setup.splits.train, setup.image_size)
        self._loaders = [self._train_loader]

    def training_batches(
        self,
        order: Order,
        *,
        batch_size: int,
        steps_per_epoch: int,
        first_step: int,
        stride: int = 1,
    ) -> Any:
        """See `TrainedNetwork`; inputs are uint8 `(batch, size, size, 3)`."""
        setup = self.setup
        return training_batches(
            self._train_loader,
            setup.targets_of_batch,
            setup.config,
            order,
            batch_size=batch_size,
            steps_per_epoch=steps_per_epoch,
            first_step=first_step,
            stride=stride,
            prefetch_to=setup.devices.prefetch_to,
        )

    def validation_batches(
        self, batch_size: int, first_step: int = 0, stride: int = 1
    ) -> tuple[Any, int]:
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
            setup.central_views,
            batch_size=batch_size,
            first_step=first_step,
            stride=stride,
            prefetch_to=setup.devices.prefetch_to,
        )
        return batches, len(filled) // batch_size

    def agreement(self) -> Verdict:
        """See `TrainedNetwork`."""
        _, pixels = validation_samples(self.setup)
        return self.compared(pixels, pixels)

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
