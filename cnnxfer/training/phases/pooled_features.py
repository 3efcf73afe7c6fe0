"""Trains the head on cached pooled features of the frozen backbone."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import keras
import numpy as np

from cnnxfer.data.feeding.order import repetitions
from cnnxfer.engines.engine import Engine
from cnnxfer.errors import RunError
from cnnxfer.networks.cut import model_behind
from cnnxfer.spelling import option
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.tasks.class_task import POOLED
from cnnxfer.tasks.heads import unscaled_weights
from cnnxfer.training.activations.engines import validation_samples
from cnnxfer.training.activations.store import Activations
from cnnxfer.training.optimization.learning_rate_search import short_trials
from cnnxfer.training.setup import Setup
from cnnxfer.training.trained_network import Batch, Order, TrainedNetwork
from cnnxfer.training.variables import changing_weights, set_values

STEPS_PER_EPOCH = 40
BATCH_SIZES = (4, 1024)
CHUNK = 1024  # the number of images that are read, or validated, at once


class PooledFeatures(TrainedNetwork):
    """The head of a classifier, trained on pooled features.

    Features are scaled to zero mean and unit scale, so that the same learning rates
    suit every backbone. All channels share one scale: scaling each by its own would
    amplify noise to the strength of informative channels. While the head is trained,
    its weights are for scaled features; `learned_weights` are for features as they are.

    Attributes:
        engine: the engine that computed the features.
    """

    brief = True
    save_after_seconds = math.inf
    find_rate = staticmethod(short_trials)

    def __init__(
        self,
        setup: Setup,
        classifier: keras.Model,
        whole: keras.Model,
        engine: Engine,
        views: Sequence[Activations],
        validation: Activations,
    ) -> None:
        """Gives the head its first weights, which the seed determines.

        Args:
            setup: everything the head is trained with.
            classifier: the whole network in float32, whose backbone is frozen.
            whole: a model of the same layers, of pixels to features and logits.
            engine: the engine that computed the features.
            views: the features of each view of the training images.
            validation: the features of the validation images.

        Raises:
            RunError: if features are not finite.
        """
        super().__init__(setup, classifier, model_behind(classifier, POOLED))
        self.engine = engine
        low, high = BATCH_SIZES
        images = len(setup.splits.train)
        self.default_batch_size = min(max(images // STEPS_PER_EPOCH, low), high)
        self._views, self._validation = views, validation
        self._whole = whole
        self._mean, self._scale = _moments(views[0])
        weights = changing_weights(classifier)
        first = keras.initializers.GlorotUniform(setup.config.seed)
        values = [np.zeros(weight.shape, np.float32) for weight in weights]
        # Training would have to undo random logits, and would not do so entirely. So
        # the last kernel begins at zero, like all biases, or the centres do.
        for index in range(0, len(weights) - 2, 2):
            values[index] = first(weights[index].shape)
        set_values(weights, values)

    def training_batches(
        self,
        order: Order,
        *,
        batch_size: int,
        steps_per_epoch: int,
        first_step: int,
        stride: int = 1,
    ) -> Callable[[], Iterator[Batch]]:
        """See `TrainedNetwork`; inputs are float32 `(batch, channels)`."""
        steps = batch_size, steps_per_epoch, first_step, stride
        return partial(self._batches, order, *steps)

    def _batches(
        self,
        order: Order,
        batch_size: int,
        steps_per_epoch: int,
        first_step: int,
        stride: int,
    ) -> Iterator[Batch]:
        (targets,) = self.setup.train_targets(1)
        first_epoch, position = divmod(first_step, steps_per_epoch)
        for epoch in itertools.count(first_epoch):
            images = order(epoch)
            views = (epoch + repetitions(images)) % len(self._views)
            for step in range(position, steps_per_epoch, stride):
                batch = slice(step * batch_size, (step + 1) * batch_size)
                features = self._rows(images[batch], views[batch])
                yield self._scaled(features), targets[images[batch]]
            position = (position - steps_per_epoch) % stride

    def validation_batches(
        self, batch_size: int, first_step: int = 0, stride: int = 1
    ) -> tuple[Callable[[], Iterator[np.ndarray]], int]:
        """See `TrainedNetwork`; inputs are float32 `(CHUNK or fewer, channels)`."""
        count = len(self._validation)
        size = min(CHUNK, count)

        def batches() -> Iterator[np.ndarray]:
            for start in range(first_step * size, count, stride * size):
                indices = np.arange(start, start + size) % count
                yield self._scaled(self._validation[indices])

        return batches, -(-count // size)

    def learned_weights(self) -> list[np.ndarray]:
        """See `TrainedNetwork`."""
        first = next(layer for layer in self.model.layers if layer.weights)
        weights = super().learned_weights()
        count = len(first.weights)
        return [
            *unscaled_weights(first, weights[:count], self._mean, self._scale),
            *weights[count:],
        ]

    def agreement(self) -> Verdict:
        """See `TrainedNetwork`; the head has to have its learned weights."""
        samples, pixels = validation_samples(self.setup)
        return self.compared(self._validation[samples], pixels)

    def classify(self, pixels: np.ndarray) -> np.ndarray:
        """See `TrainedNetwork`."""
        logits: np.ndarray = self._whole.predict_on_batch(pixels)[1]
        return logits

    def _rows(self, images: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Returns the features of images, each from its own view."""
        rows = np.empty((len(images), *self._views[0].shape[1:]), np.float32)
        for view in np.unique(views):
            rows[views == view] = self._views[view][images[views == view]]
        return rows

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = features - self._mean.astype(np.float32)
        scaled *= np.float32(1 / self._scale)
        return scaled


def _moments(features: Activations) -> tuple[np.ndarray, float]:
    """Returns the mean of each channel, and one standard deviation for all of them."""
    total = sum(chunk.sum(axis=0, dtype=np.float64) for chunk in _chunks(features))
    mean = total / len(features)
    squares = sum(np.square(chunk - mean).sum() for chunk in _chunks(features))
    scale = math.sqrt(squares / math.prod(features.shape))
    if not math.isfinite(scale):
        raise RunError(
            "the backbone's features are not finite numbers. Try "
            f"{option('--precision', 'float32')}, or other weights."
        )
    return mean, scale or 1.0


def _chunks(features: Activations) -> Iterator[np.ndarray]:
    for start in range(0, len(features), CHUNK):
        yield features[start : start + CHUNK]
