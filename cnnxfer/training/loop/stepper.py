"""A compiled model: one update of its weights at a time, and its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from cnnxfer.config import Phase
from cnnxfer.stopping import Stop
from cnnxfer.tasks.objective import Objective
from cnnxfer.tasks.targets import targets_of
from cnnxfer.training.loop.progress import Progress
from cnnxfer.training.loop.variables import changing_variables, draw_anew, seed_states
from cnnxfer.training.optimization.optimizers import build_optimizer
from cnnxfer.training.optimization.sampling import epoch_order
from cnnxfer.training.task import Setup
from cnnxfer.training.trained_network import TrainedNetwork


class Stepper:
    """Computes updates and answers, and knows neither epochs nor files.

    Keras's `fit` begins epochs at their first batch, makes its own iterators, and
    leaves no room between two batches where all is at rest. So updates are made one
    by one; on TensorFlow (on several devices too), JAX and torch they are the same
    compiled function that `fit` calls.

    What an update computes follows from its number, the seed and the variables.
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
        """Compiles the trained's model; what is trainable in it is fixed from here.

        Args:
            setup: the run.
            trained: what learns.
            settings: of the phase.
            objective: what is to be learned.
            progress: how batches are cut into epochs and parts.
            factors: multiples of the learning rate by variables' paths.
        """
        self.setup = setup
        self.trained = trained
        self.model = trained.model
        self.parts = progress.accumulate
        self.part_size = progress.part_size
        self.steps_per_epoch = progress.steps_per_epoch
        self.averaged = settings.ema > 0
        devices = setup.devices
        with devices.scope():
            self.optimizer = build_optimizer(
                settings,
                self.model.trainable_variables,
                precision=setup.precision,
                replicas=devices.replicas,
                accumulate=self.parts,
                factors=factors,
            )
            self.model.compile(
                self.optimizer,
                loss=objective.loss,
                metrics=[objective.accuracy],
                auto_scale_loss=False,  # build_optimizer has done it
            )
        self.variables = changing_variables(trained.classifier, self.optimizer)
        self._seed_states = seed_states(self.model)
        self._validation = trained.validation_batches(
            devices.batch_size(self.part_size, len(setup.parts.validation))
        )
        self._batches: Iterator[Any] | None = None
        self._next = 0

    def update(self, number: int, rate: float) -> tuple[float, float]:
        """Computes an update.

        Args:
            number: of the update, from 0.
            rate: the learning rate.

        Returns:
            The loss and the accuracy of its images, before it.
        """
        if self._batches is None or self._next != number:
            self._batches = self._batches_from(number)
        self.optimizer.learning_rate = rate
        losses, accuracies = [], []
        for part in range(self.parts):
            draw_anew(
                self._seed_states, self.setup.config.seed, number * self.parts + part
            )
            inputs, targets = next(self._batches)
            # What it returns is of this batch alone.
            logs = self.model.train_on_batch(inputs, targets, return_dict=True)
            losses.append(float(logs["loss"]))
            accuracies.append(float(logs["accuracy"]))
        self._next = number + 1
        return float(np.mean(losses)), float(np.mean(accuracies))

    def answers(self, stop: Stop | None = None, batches: int = 0) -> np.ndarray:
        """Returns the logits of the validation images, of fewer if asked to stop.

        Args:
            stop: is looked at after every batch.
            batches: of how many batches; 0 for all.
        """
        data, steps = self._validation
        # Given no steps, Keras warns where it cannot count the batches.
        logits: np.ndarray = self.model.predict(
            data,
            steps=min(batches or steps, steps),
            callbacks=[_Ear(stop)] if stop else [],
            verbose=0,
        )
        return logits

    @property
    def validation_steps(self) -> int:
        """How many batches the validation images are."""
        return self._validation[1]

    @contextmanager
    def averages(self) -> Iterator[None]:
        """Has the moving averages in place of the weights, where there are any."""
        if not self.averaged:
            yield
            return
        now = self._weights()
        self.use_averages()
        try:
            yield
        finally:
            self._set_weights(now)

    def use_averages(self) -> None:
        """Puts the moving averages in place of the weights, if there are any."""
        if self.averaged:
            self.optimizer.finalize_variable_values(self.model.trainable_variables)
            # On JAX, they are the same arrays now, which a step would give away twice.
            self._set_weights(self._weights())

    def _weights(self) -> list[np.ndarray]:
        weights = self.model.trainable_variables
        return [np.array(keras.ops.convert_to_numpy(weight)) for weight in weights]

    def _set_weights(self, values: list[np.ndarray]) -> None:
        for weight, value in zip(self.model.trainable_variables, values, strict=True):
            weight.assign(value)

    def begin_anew(self, steps_per_epoch: int) -> None:
        """Forgets what batches were made ahead, as epochs may be of other lengths."""
        self.steps_per_epoch = steps_per_epoch
        self._batches = None

    def _batches_from(self, number: int) -> Iterator[Any]:
        setup = self.setup
        targets = targets_of(setup.parts.train, len(setup.class_names))
        seed, sampling = setup.config.seed, setup.config.sampling
        batches = self.trained.training_batches(
            lambda epoch: epoch_order(targets, seed, epoch, sampling),
            batch_size=self.part_size,
            steps_per_epoch=self.steps_per_epoch * self.parts,
            first_step=number * self.parts,
        )
        strategy = setup.devices.strategy
        if strategy:
            # Keras builds metrics with the first batch, and cannot with a divided one.
            zeros = keras.tree.map_structure(
                lambda spec: np.zeros((1, *spec.shape[1:]), spec.dtype.as_numpy_dtype),
                batches.element_spec,
            )
            self.model.test_on_batch(*zeros)
            return iter(strategy.experimental_distribute_dataset(batches))
        if keras.backend.backend() == "tensorflow":
            return iter(batches)
        return iter(batches.as_numpy_iterator())


class _Ear(keras.callbacks.Callback):
    """Ends a prediction when somebody asks for it."""

    def __init__(self, stop: Stop) -> None:
        super().__init__()
        self.stop = stop

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.stop.asked:
            self.model.stop_predicting = True
