"""Computes single updates of a compiled model, and its logits on validation images."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
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
    learning_norms,
    restoring,
    seed_random_layers,
    seed_states,
    set_values,
    values_of,
)
from cnnxfer.training.workers.workers import Workers


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
        self.workers = workers = devices.workers
        with devices.scope():
            self.optimizer = build_optimizer(
                settings,
                self.model.trainable_variables,
                precision=setup.precision,
                replicas=devices.replicas,
                accumulate=self.counted_parts,
                factors=factors,
            )
            optimizer = self.optimizer
            if workers:
                from cnnxfer.training.workers.exchange import Exchange, HeldGradients

                weights = self.model.trainable_variables
                held = HeldGradients(optimizer, weights, workers.count)
                norms = learning_norms(trained.learning)
                self._exchange = Exchange(workers, held, norms, self.splits)
                optimizer = held
            self.model.compile(
                optimizer,
                loss=objective.loss,
                metrics=[objective.accuracy],
                auto_scale_loss=False,  # build_optimizer has done it
            )
        self.variables = changing_variables(trained.learning, self.optimizer)
        self._seed_states = seed_states(self.model)
        self._validation = trained.validation_batches(
            devices.part_size(self.part_size, len(setup.splits.validation)),
            self._first,
            devices.shares,
        )
        self._batches: Iterator[Any] | None = None
        self._next = 0

    def update(self, number: int, rate: float) -> tuple[float, float]:
        """Computes an update; returns the loss and the accuracy before it.

        Raises:
            RunError: if a worker is lost.
        """
        if self._batches is None or self._next != number:
            self._batches = self._batches_from(number)
        self.optimizer.learning_rate = rate
        first = number * self.splits
        if self.workers:
            figures = self._update_together(self.workers, first)
        else:
            figures = [self._train_on_part(first + i) for i in range(self.splits)]
        self._next = number + 1
        losses, accuracies = zip(*figures, strict=True)
        return float(np.mean(losses)), float(np.mean(accuracies))

    def _train_on_part(self, number: int) -> tuple[float, float]:
        """Trains on the next part of a batch; returns its loss and its accuracy."""
        assert self._batches
        seed_random_layers(self._seed_states, self.setup.config.seed, number)
        inputs, targets = next(self._batches)
        # Returns the figures of this batch alone, not running means.
        logs = self.model.train_on_batch(inputs, targets, return_dict=True)
        return float(logs["loss"]), float(logs["accuracy"])

    def _update_together(
        self, workers: Workers, first: int
    ) -> list[tuple[float, float]]:
        """Computes an update of which each worker has every so many of the parts."""
        figures: list[tuple[float, float]] = []
        for part in range(first, first + self.splits, workers.count):
            self._exchange.begin_round()
            try:
                own = workers.computed(partial(self._train_on_part, part + self._first))
            except MemoryError:
                self._exchange.undo_round()
                raise
            figures += workers.gathered(own)
            self._exchange.end_round()
        self._exchange.update()
        return figures

    def validation_logits(
        self, stop: Stop | None = None, batches: int = 0
    ) -> np.ndarray:
        """Returns the logits of the validation images, float32 `(images, classes)`.

        Of several workers, only the first gets those of all; the others get none.

        Args:
            stop: checked after every batch; if the user asked for a stop, the logits
                of the remaining images are left out.
            batches: how many batches to compute; 0 for all.
        """
        data, count = self._validation
        steps = min(batches or self.validation_steps, self.validation_steps)
        if not self.workers:
            return self.trained.logits(data, steps, stop)
        own = min(steps, len(range(self._first, count, self.workers.count)))
        answers = self.workers.computed(partial(self._batchwise, data, own))
        # Batch by batch, each worker had the next one.
        shares = self.workers.collect(answers)
        found = itertools.chain(*itertools.zip_longest(*shares))
        batches_found = [batch for batch in found if batch is not None]
        return np.concatenate(batches_found) if shares else answers[:0]

    def _batchwise(self, data: Any, steps: int) -> np.ndarray:
        """Returns the logits of so many batches, `(batches, images, ...)`."""
        if not steps:
            return np.empty(0, np.float32)
        return np.array(np.split(self.trained.logits(data, steps), steps))

    @property
    def validation_steps(self) -> int:
        """The number of batches of validation images that a worker computes at most."""
        return -(-self._validation[1] // self.setup.devices.shares)

    @property
    def counted_parts(self) -> int:
        """How many parts of a batch the optimizer counts, and adds up itself."""
        return 1 if self.workers else self.splits

    @property
    def _first(self) -> int:
        """The first of every so many batches that this worker computes."""
        return self.workers.rank if self.workers else 0

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
            first_step=number * self.splits + self._first,
            stride=setup.devices.shares,
        )
        if callable(batches):
            return iter(batches())
        if setup.devices.replicas > 1:
            # Keras builds metrics with the first batch, and cannot with one that is
            # divided among replicas.
            zeros = keras.tree.map_structure(
                lambda spec: np.zeros((1, *spec.shape[1:]), spec.dtype.as_numpy_dtype),
                batches.element_spec,
            )
            self.model.test_on_batch(*zeros)
            return iter(setup.devices.strategy.experimental_distribute_dataset(batches))
        return iter(batches)
