"""Computes single updates of a compiled model, and its logits on validation images."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from cnnxfer.config import Phase
from cnnxfer.stopping import Stop
from cnnxfer.tasks.task import Objective
from cnnxfer.training.loop.progress import Progress
from cnnxfer.training.optimization.optimizers import build_optimizer
from cnnxfer.training.optimization.sampling import epoch_order
from cnnxfer.training.setup import Setup
from cnnxfer.training.trained_network import TrainedNetwork
from cnnxfer.training.variables import (
    changing_variables,
    restoring,
    seed_random_layers,
    seed_states,
    set_values,
    values_of,
)


class Stepper:
    """Computes updates and logits; epochs and files are the caller's concern.

    Keras's `fit` starts epochs at their first batch, makes its own iterators, and has
    no point between two batches at which the state could be saved or changed. So
    updates are computed one by one, by the same compiled function that `fit` calls on
    TensorFlow (on several devices too), JAX and torch.

    The number of an update, the seed and the variables determine what it computes.
    """

    def __init__(
        self,
        setup: Setup,
        trained: TrainedNetwork,
        settings: Phase,
        objective: Objective,
        progress: Progress,
        factors: Mapping[str, float] | None,
    ) -> None:
        """Compiles the network's model; its trainable variables must not change later.

        The progress has the batch size, the number of parts of a batch, and the number
        of updates in an epoch; `factors` are multiples of the learning rate by the
        paths of variables.
        """
        self.setup = setup
        self.trained = trained
        self.model = trained.model
        self.splits = progress.accumulate
        self.part_size = progress.part_size
        self.steps_per_epoch = progress.steps_per_epoch
        self.averaged = settings.ema != "none"
        devices = setup.devices
        with devices.scope():
            self.optimizer = build_optimizer(
                settings,
                self.model.trainable_variables,
                precision=setup.precision,
                replicas=devices.replicas,
                accumulate=self.splits,
                factors=factors,
            )
            self.model.compile(
                self.optimizer,
                loss=objective.loss,
                metrics=[objective.accuracy],
                auto_scale_loss=False,  # build_optimizer has done it
            )
        self.variables = changing_variables(trained.learning, self.optimizer)
        self._seed_states = seed_states(self.model)
        self._validation = trained.validation_batches(
            devices.batch_size(self.part_size, len(setup.splits.validation))
        )
        self._batches: Iterator[Any] | None = None
        self._next = 0

    def update(self, number: int, rate: float) -> tuple[float, float]:
        """Computes an update; returns the loss and the accuracy before it."""
        if self._batches is None or self._next != number:
            self._batches = self._batches_from(number)
        self.optimizer.learning_rate = rate
        losses, accuracies = [], []
        for part in range(self.splits):
            seed_random_layers(
                self._seed_states, self.setup.config.seed, number * self.splits + part
            )
            inputs, targets = next(self._batches)
            # Returns the figures of this batch alone, not running means.
            logs = self.model.train_on_batch(inputs, targets, return_dict=True)
            losses.append(float(logs["loss"]))
            accuracies.append(float(logs["accuracy"]))
        self._next = number + 1
        return float(np.mean(losses)), float(np.mean(accuracies))

    def validation_logits(
        self, stop: Stop | None = None, batches: int = 0
    ) -> np.ndarray:
        """Returns the logits of the validation images, float32 `(images, classes)`.

        Args:
            stop: checked after every batch; if the user asked for a stop, the logits
                of the remaining images are left out.
            batches: how many batches to compute; 0 for all.
        """
        data, steps = self._validation
        return self.trained.logits(data, min(batches or steps, steps), stop)

    @property
    def validation_steps(self) -> int:
        """The number of batches of validation images."""
        return self._validation[1]

    @contextmanager
    def using_averages(self) -> Iterator[None]:
        """Puts the moving averages, if any, in place of the weights for a while."""
        if not self.averaged:
            yield
            return
        with restoring(self.model.trainable_variables):
            self.apply_averages()
            yield

    def apply_averages(self) -> None:
        """Puts the moving averages in place of the weights, if there are any."""
        if self.averaged:
            weights = self.model.trainable_variables
            self.optimizer.finalize_variable_values(weights)
            # On JAX, weights and averages share arrays now, which a step would donate
            # twice; so they are copied.
            set_values(weights, values_of(weights))

    def set_steps_per_epoch(self, steps_per_epoch: int) -> None:
        """Sets the number of updates in an epoch, and discards batches made ahead."""
        self.steps_per_epoch = steps_per_epoch
        self._batches = None

    def _batches_from(self, number: int) -> Iterator[Any]:
        setup = self.setup
        labels = [example.labels for example in setup.splits.train]
        seed, sampling = setup.config.seed, setup.config.sampling
        needed = self.steps_per_epoch * self.splits * self.part_size

        def order(epoch: int) -> np.ndarray:
            images = epoch_order(labels, seed, epoch, sampling)
            # If images were deleted since the phase began, some are seen twice.
            return images if len(images) >= needed else np.resize(images, needed)

        batches = self.trained.training_batches(
            order,
            batch_size=self.part_size,
            steps_per_epoch=self.steps_per_epoch * self.splits,
            first_step=number * self.splits,
        )
        if callable(batches):
            return iter(batches())
        strategy = setup.devices.strategy
        if strategy:
            # Keras builds metrics with the first batch, and cannot with one that is
            # divided among replicas.
            zeros = keras.tree.map_structure(
                lambda spec: np.zeros((1, *spec.shape[1:]), spec.dtype.as_numpy_dtype),
                batches.element_spec,
            )
            self.model.test_on_batch(*zeros)
            return iter(strategy.experimental_distribute_dataset(batches))
        return iter(batches)
