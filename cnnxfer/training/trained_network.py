"""The network that a phase trains, and the batches it is trained on."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from cnnxfer.engines.agreement import compare
from cnnxfer.engines.engine import Outputs
from cnnxfer.engines.known_answers import formula_images
from cnnxfer.errors import DataError
from cnnxfer.networks.classifier import answers_of
from cnnxfer.stopping import Stop
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.training.optimization.learning_rate_search import (
    RateSearch,
    growing_rates,
)
from cnnxfer.training.setup import Setup
from cnnxfer.training.variables import changing_weights, values_of

Order = Callable[[int], np.ndarray]
Batch = tuple[np.ndarray, np.ndarray]  # inputs and targets


class TrainedNetwork(ABC):
    """A network in training, with the batches it is trained and validated on."""

    default_batch_size: int = 32
    # Whether an epoch takes but a moment, so that its end is not worth a message.
    brief: bool = False
    # How old the last checkpoint has to be for another one at the end of an epoch. With
    # the model, one takes half a second.
    save_after_seconds: float = 0.0
    find_rate: RateSearch = staticmethod(growing_rates)
    # What `classifier` has answered to `formula_images`, float32 `(images, ...)`; None
    # before it was asked.
    known_answers: np.ndarray | None = None

    def __init__(
        self,
        setup: Setup,
        classifier: keras.Model,
        model: keras.Model,
        learning: keras.Model | None = None,
    ) -> None:
        """Prepares to train; nothing is read or computed yet.

        Args:
            setup: everything the network is trained with.
            classifier: the whole network that is saved; it maps pixels to logits in
                float32.
            model: the model that is trained; it maps inputs to float32 logits `(batch,
                classes)` and has no variables other than those of `learning`.
            learning: the network whose trainable variables are those that training
                changes; `classifier` by default, or one that shares its layers.
        """
        self.setup = setup
        self.classifier = classifier
        self.model = model
        self.learning = learning or classifier

    @abstractmethod
    def training_batches(
        self,
        order: Order,
        *,
        batch_size: int,
        steps_per_epoch: int,
        first_step: int,
        stride: int = 1,
    ) -> Any:
        """Returns endless training batches.

        The seed and the number of a step alone determine its batch.

        Args:
            order: returns the indices of the training images of an epoch, in order;
                epochs are counted from 0.
            batch_size: the number of images in a batch.
            steps_per_epoch: the number of batches in an epoch.
            first_step: the number of the first batch, counted from epoch 0.
            stride: how many steps after one the next follows; workers share the steps.

        Returns:
            A `tf.data.Dataset` of inputs and float32 targets `(batch, classes)`, or a
            function that returns an iterator of them.
        """

    @abstractmethod
    def validation_batches(
        self, batch_size: int, first_step: int = 0, stride: int = 1
    ) -> tuple[Any, int]:
        """Returns batches of the validation images in order, and their number.

        With a stride, there is every so many of the batches only, from one on; the
        number is that of all.

        The last batch is filled up with images from the beginning: Keras would compile
        the model again for a batch of another size, and replicas without an image
        would fail.

        Returns:
            A `tf.data.Dataset` of inputs, or a function that returns an iterator of
            them, and the number of batches.
        """

    @abstractmethod
    def agreement(self) -> Verdict:
        """Compares `model` with `classifier` on some of the validation images.

        `known_answers` are those of `classifier` from then on.
        """

    def classify(self, pixels: np.ndarray) -> np.ndarray:
        """Returns what `classifier` answers to images, float32 `(images, ...)`."""
        answers: np.ndarray = self.classifier.predict_on_batch(pixels)
        return answers[: len(pixels)]  # on several devices, each has answered them

    def logits(self, batches: Any, steps: int, stop: Stop | None = None) -> np.ndarray:
        """Returns the model's logits for batches that `validation_batches` returned.

        Args:
            batches: what it returned.
            steps: how many of them to compute.
            stop: checked after every batch; if the user asked for a stop, the logits
                of the remaining images are left out.

        Returns:
            float32 `(images, classes)`.
        """
        if not callable(batches):
            # Given no steps, Keras warns where it cannot count the batches.
            callbacks = [_StopPrediction(stop)] if stop else []
            logits: np.ndarray = self.model.predict(
                batches, steps=steps, callbacks=callbacks, verbose=0
            )
            return logits
        answers: list[np.ndarray] = []
        for inputs in itertools.islice(batches(), steps):
            if self.brief:  # compiling would take longer than it saves
                answer = self.model(inputs, training=False)
            else:
                answer = self.model.predict_on_batch(inputs)
            answers.append(keras.ops.convert_to_numpy(answer))
            if stop and stop.requested:
                break
        return np.concatenate(answers)

    def learned_weights(self) -> list[np.ndarray]:
        """Returns what the weights that training changes are to be in `classifier`."""
        return values_of(changing_weights(self.classifier))

    @property
    def failure(self) -> DataError | None:
        """The error that ended the reading of images; None if there was none."""
        return None

    def close(self) -> None:  # noqa: B027
        """Stops reading ahead; the network cannot be trained afterwards."""

    def compared(self, inputs: np.ndarray, pixels: np.ndarray) -> Verdict:
        """Compares the model's answers to inputs with the classifier's to the images.

        The classifier answers the images of the formula with them, in one batch.
        """
        images = [pixels, formula_images(self.setup.image_size)]
        answers = self.classify(np.concatenate(images))
        self.known_answers = answers[len(pixels) :]
        outputs = self.model.predict_on_batch(inputs)[: len(inputs)]
        return compare(
            answers_of(self.classifier, outputs),
            answers[: len(pixels)],
            outputs=Outputs(self.setup.task),
            precision="head",
        )


class _StopPrediction(keras.callbacks.Callback):
    """Ends `predict` early when the user asks for a stop."""

    def __init__(self, stop: Stop) -> None:
        super().__init__()
        self.stop = stop

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.stop.requested:
            self.model.stop_predicting = True
