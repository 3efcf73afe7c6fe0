"""Trains a head on features that were computed once."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from cnnxfer.config import Phase
from cnnxfer.data.feeding.order import repetitions
from cnnxfer.errors import RunError
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.heads import dense_head
from cnnxfer.tasks.score import Score
from cnnxfer.tasks.task import Objective
from cnnxfer.training.optimization.learning_rates import Rates
from cnnxfer.training.optimization.optimizers import build_optimizer
from cnnxfer.training.optimization.rolled_back import all_variables, state_hash
from cnnxfer.training.optimization.sampling import epoch_order

# The learning rates to try; the range suits all optimizers.
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
TRIAL_EPOCHS = 1  # with five, the choice was no better
STEPS_PER_EPOCH = 40
BATCH_SIZES = (4, 1024)
CHUNK = 1024  # the number of images that are read at once


class Features(Protocol):
    """Pooled features of images, `(images, channels)`, in memory or on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of images and the number of channels."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Returns the rows for an index array or a slice, as float32."""


@dataclass(frozen=True)
class HeadSettings:
    """How a head is trained on features.

    Attributes:
        phase: the settings of the phase. The learning rate `auto` is found by
            trials. Learning rate and weight decay are for features of unit scale.
            `accumulate` is ignored, since a batch of features takes little memory.
        head: `linear` or `mlp`.
        dropout: the dropout rate before the head, in [0, 1).
        batch_size: the number of images in a step; by default, about `STEPS_PER_EPOCH`
            steps are in an epoch.
        sampling: how the images of an epoch are chosen: `natural` or `balanced`.
        seed: the seed of the initial weights, dropout and the order of the images.
    """

    phase: Phase
    head: str
    dropout: float
    batch_size: int | None
    sampling: str
    seed: int


@dataclass(frozen=True)
class Head:
    """A head after its best epoch.

    Attributes:
        weights: kernel and bias of each layer in turn, for unscaled features.
        score: the score on the validation images.
        history: a history row for each epoch, without the phase.
        learning_rate: the highest learning rate.
        rates_tried: the validation loss of a short trial, by learning rate; infinite if
            it diverged. Empty if the settings have a learning rate.
    """

    weights: list[np.ndarray]
    score: Score
    history: list[dict[str, Any]]
    learning_rate: float
    rates_tried: dict[float, float]


def fit_head(
    train: Sequence[Features],
    train_targets: np.ndarray,
    validation: Features,
    validation_targets: np.ndarray,
    *,
    objective: Objective,
    settings: HeadSettings,
    reporter: Reporter,
) -> Head:
    """Trains a head and returns it as it was after the best epoch on validation.

    Args:
        train: the features of each view of the training images; successive epochs use
            successive views.
        train_targets: float32 `(images, classes)` of the training images; see
            `Task.targets`.
        validation: the features of the validation images.
        validation_targets: float32 `(images, classes)` of the validation images.
        objective: the loss and the score.
        settings: how the head is trained.
        reporter: shows the progress.

    Raises:
        RunError: if features are not finite, or the loss is not finite at the learning
            rate of the settings.
    """
    trainer = _Trainer(
        train, train_targets, validation, validation_targets, objective, settings
    )
    phase = settings.phase
    tried: dict[float, float] = {}
    if isinstance(phase.learning_rate, float):
        peak = phase.learning_rate
    else:
        tried = _try_rates(trainer, phase, reporter)
        peak = min(tried, key=tried.__getitem__)  # the lowest of equally good rates
        losses = ", ".join(f"{rate:g}: {loss:.3f}" for rate, loss in tried.items())
        reporter.info(
            f"learning rate {peak:g}: the lowest validation loss in short trials "
            f"({losses})"
        )
    best: Score | None = None
    weights: list[np.ndarray] = []
    history: list[dict[str, Any]] = []
    with reporter.progress("training the head", phase.epochs, "epochs") as advance:
        for score, row in trainer.run(phase, peak):
            history.append(row)
            if score.beats(best):
                best, weights = score, trainer.weights()
            advance(note=f"validation {score.text}")
            waited = score.epoch - best.epoch if best else 0
            if phase.patience != "none" and waited >= phase.patience:
                break
    assert best
    return Head(weights, best, history, peak, tried)


def _try_rates(
    trainer: _Trainer, phase: Phase, reporter: Reporter
) -> dict[float, float]:
    """Returns the validation loss after a short training at each learning rate."""
    losses = {}
    title = "looking for a learning rate"
    trial = replace(phase, epochs=TRIAL_EPOCHS)
    with reporter.progress(title, len(RATES), "trials") as advance:
        for rate in RATES:
            try:
                *_, (score, _) = trainer.run(trial, rate)
                losses[rate] = score.loss
            except RunError:
                losses[rate] = math.inf
            advance()
    trainer.reset()
    trainer.require_initial_state()
    return losses


class _Trainer:
    """Trains a head, several times from the same initial state.

    Features are scaled to zero mean and unit scale, so that the same learning rates
    suit every backbone. All channels share one scale: scaling each by its own would
    amplify noise to the strength of informative channels.
    """

    def __init__(
        self,
        train: Sequence[Features],
        train_targets: np.ndarray,
        validation: Features,
        validation_targets: np.ndarray,
        objective: Objective,
        settings: HeadSettings,
    ) -> None:
        self.train, self.targets = train, train_targets
        self.validation, self.validation_targets = validation, validation_targets
        self.objective = objective
        self.seed, self.sampling = settings.seed, settings.sampling
        self.mean, self.scale = _moments(train[0])
        images, num_classes = train_targets.shape
        low, high = BATCH_SIZES
        default = min(max(images // STEPS_PER_EPOCH, low), high)
        self.batch_size = min(settings.batch_size or default, images)
        layers = dense_head(settings.head, num_classes, settings.dropout, self.seed)
        inputs = keras.Input(train[0].shape[1:])
        self.model = keras.Sequential([inputs, *layers], name="head")
        # Training would have to undo random logits, and would not do so entirely.
        layers[-1].kernel.assign(np.zeros(layers[-1].kernel.shape))
        self.model.compile(
            build_optimizer(settings.phase, self.model.trainable_variables),
            loss=objective.loss,
            metrics=[objective.accuracy],
        )
        self.variables = all_variables(self.model)
        self.initial_values = [ops.convert_to_numpy(value) for value in self.variables]
        self.initial_hash = state_hash(self.variables)

    def reset(self) -> None:
        """Sets weights, optimizer and dropout to their initial state."""
        for variable, value in zip(self.variables, self.initial_values, strict=True):
            variable.assign(value)

    def require_initial_state(self) -> None:
        """Checks that all variables have their initial values, to the bit.

        Raises:
            RunError: if one of them differs.
        """
        if state_hash(self.variables) != self.initial_hash:
            raise RunError(
                "the head is not as it was before the search for a learning rate. "
                "Please report this as a bug; with --lr there is no search."
            )

    def run(self, phase: Phase, peak: float) -> Iterator[tuple[Score, dict[str, Any]]]:
        """Trains from the initial state; yields score and history row of each epoch.

        At each yield, the model has the weights that the score belongs to.
        """
        self.reset()
        steps = len(self.targets) // self.batch_size
        schedule = Rates(phase, steps, peak)
        for epoch in range(phase.epochs):
            started = time.perf_counter()
            rates = [schedule.at(epoch * steps + step) for step in range(steps)]
            logs = self._train(epoch, rates)
            with self._averaged():
                score = self._score(epoch + 1)
                yield (
                    score,
                    {
                        "epoch": epoch + 1,
                        "learning_rate": f"{rates[0]:.6g}",
                        "loss": f"{logs['loss']:.6f}",
                        "accuracy": f"{logs['accuracy']:.6f}",
                        **score.as_history(),
                        "seconds": f"{time.perf_counter() - started:.2f}",
                    },
                )
            schedule.epoch_ended(score)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Puts the moving averages, if any, in place of the weights for a while."""
        optimizer, variables = self.model.optimizer, self.model.trainable_variables
        if not optimizer.use_ema:
            yield
            return
        learned = [ops.convert_to_numpy(variable) for variable in variables]
        optimizer.finalize_variable_values(variables)
        yield
        for variable, value in zip(variables, learned, strict=True):
            variable.assign(value)

    def weights(self) -> list[np.ndarray]:
        """Returns the weights for unscaled features."""
        kernel, bias, *others = self.model.get_weights()
        kernel = kernel.astype(np.float64) / self.scale
        bias = bias - self.mean @ kernel
        return [kernel.astype(np.float32), bias.astype(np.float32), *others]

    def _train(self, epoch: int, rates: list[float]) -> dict[str, float]:
        """Trains an epoch with a step for each rate; returns its loss and accuracy."""
        order = epoch_order(self.targets, self.seed, epoch, self.sampling)
        views = (epoch + repetitions(order)) % len(self.train)
        for layer in self.model.layers:
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([self.seed, epoch])
        totals = {"loss": 0.0, "accuracy": 0.0}
        for step, rate in enumerate(rates):
            batch = slice(step * self.batch_size, (step + 1) * self.batch_size)
            features = self._rows(order[batch], views[batch])
            self.model.optimizer.learning_rate = rate
            logs = self.model.train_on_batch(
                self._scaled(features), self.targets[order[batch]], return_dict=True
            )
            if not math.isfinite(logs["loss"]):
                raise RunError(
                    f"loss became {logs['loss']} in epoch {epoch + 1}, step "
                    f"{step + 1}, at learning rate {rate:.3g}. Try a lower --lr."
                )
            totals = {name: totals[name] + logs[name] for name in totals}
        return {name: total / len(rates) for name, total in totals.items()}

    def _rows(self, images: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Returns the features of images, each from its own view."""
        rows = np.empty((len(images), *self.train[0].shape[1:]), np.float32)
        for view in np.unique(views):
            rows[views == view] = self.train[view][images[views == view]]
        return rows

    def _score(self, epoch: int) -> Score:
        logits = [
            ops.convert_to_numpy(self.model(self._scaled(chunk), training=False))
            for chunk in _chunks(self.validation)
        ]
        score = self.objective.score(
            np.concatenate(logits), self.validation_targets, epoch
        )
        if not math.isfinite(score.loss):
            raise RunError(
                f"validation loss is {score.loss} after epoch {epoch}. "
                "Try a lower --lr."
            )
        return score

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return (features - self.mean.astype(np.float32)) * np.float32(1 / self.scale)


def _moments(features: Features) -> tuple[np.ndarray, float]:
    """Returns the mean of each channel, and one standard deviation for all of them."""
    total = sum(chunk.sum(axis=0, dtype=np.float64) for chunk in _chunks(features))
    mean = total / len(features)
    squares = sum(np.square(chunk - mean).sum() for chunk in _chunks(features))
    scale = math.sqrt(squares / math.prod(features.shape))
    if not math.isfinite(scale):
        raise RunError(
            "the backbone's features are not finite numbers. Try --precision float32, "
            "or other weights."
        )
    return mean, scale or 1.0


def _chunks(features: Features) -> Iterator[np.ndarray]:
    for start in range(0, len(features), CHUNK):
        yield features[start : start + CHUNK]
