"""The head, trained on features that were computed once."""

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
from cnnxfer.networks.classifier import head_layers
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.objective import Objective
from cnnxfer.tasks.score import Score
from cnnxfer.training.optimization.learning_rates import Rates
from cnnxfer.training.optimization.optimizers import build_optimizer
from cnnxfer.training.optimization.rolled_back import all_variables, state_hash
from cnnxfer.training.optimization.sampling import epoch_order

# Wide enough for each of the optimizers.
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
TRIAL_EPOCHS = 1  # five chose no better
STEPS_PER_EPOCH = 40
BATCH_SIZES = (4, 1024)
CHUNK = 1024  # images that are read at once


class Features(Protocol):
    """Pooled features of some images, `(images, channels)`, wherever they are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Images and channels."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Any) -> np.ndarray:
        """Returns the rows of an index array or a slice, float32."""


@dataclass(frozen=True)
class HeadSettings:
    """How a head is trained on features.

    Attributes:
        phase: epochs, optimizer and so on; a learning rate of 0 is to be found. The
            rate and the weight decay are those for features of unit scale. A batch is
            always computed as a whole, whatever `accumulate` is: it takes no memory
            to speak of.
        head: `linear` or `mlp`.
        dropout: rate in front of the head.
        batch_size: images a step; 0 for about `STEPS_PER_EPOCH` steps an epoch.
        sampling: which images an epoch holds: `natural` or `balanced`.
        seed: of the first weights, dropout and the order of the images.
    """

    phase: Phase
    head: str
    dropout: float
    batch_size: int
    sampling: str
    seed: int


@dataclass(frozen=True)
class Head:
    """A head after its best epoch.

    Attributes:
        weights: for features as they are: kernel and bias of each layer in turn.
        score: on validation.
        history: a row an epoch.
        learning_rate: the highest.
        rates_tried: validation loss after a short trial, by learning rate; infinite
            if it diverged. Empty if the rate was given.
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
    """Trains a head; the epoch that does best on validation is kept.

    Args:
        train: views of the same images; each epoch takes the next.
        train_targets: float32 `(images, classes)`; see `targets_of`.
        validation: other images.
        validation_targets: theirs.
        objective: what to learn.
        settings: how to train.
        reporter: told of the progress.

    Raises:
        RunError: if features or, at a learning rate that was given, the loss are no
            numbers.
    """
    trainer = _Trainer(
        train, train_targets, validation, validation_targets, objective, settings
    )
    phase = settings.phase
    peak = phase.learning_rate
    tried: dict[float, float] = {}
    if not peak:
        tried = _try_rates(trainer, phase, reporter)
        peak = min(tried, key=tried.__getitem__)  # the lowest of those that tie
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
            if phase.patience and best and score.epoch - best.epoch >= phase.patience:
                break
    assert best
    return Head(weights, best, history, peak, tried)


def _try_rates(
    trainer: _Trainer, phase: Phase, reporter: Reporter
) -> dict[float, float]:
    """Returns the validation loss at the end of a short training, by its rate."""
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
    trainer.require_beginning()
    return losses


class _Trainer:
    """A head, as often as wanted trained from its beginning.

    It sees features of zero mean and unit scale, so that the same rates suit every
    backbone. The scale is one for all channels: dividing each by its own would make
    as much of noise as of what tells classes apart.
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
        by_itself = min(max(images // STEPS_PER_EPOCH, low), high)
        self.batch_size = min(settings.batch_size or by_itself, images)
        layers = head_layers(settings.head, num_classes, settings.dropout, self.seed)
        inputs = keras.Input(train[0].shape[1:])
        self.model = keras.Sequential([inputs, *layers], name="head")
        # Random logits would have to be unlearned, and would not be entirely.
        layers[-1].kernel.assign(np.zeros(layers[-1].kernel.shape))
        self.model.compile(
            build_optimizer(settings.phase, self.model.trainable_variables),
            loss=objective.loss,
            metrics=[objective.accuracy],
        )
        self.state = all_variables(self.model)
        self.beginning = [ops.convert_to_numpy(value) for value in self.state]
        self.beginning_hash = state_hash(self.state)

    def reset(self) -> None:
        """Has weights, optimizer and dropout as they were at first."""
        for value, first in zip(self.state, self.beginning, strict=True):
            value.assign(first)

    def require_beginning(self) -> None:
        """Makes sure that they are, to the bit.

        Raises:
            RunError: if they are not.
        """
        if state_hash(self.state) != self.beginning_hash:
            raise RunError(
                "the head is not as it was before the search for a learning rate. "
                "Please report this as a bug; with --lr there is no search."
            )

    def run(self, phase: Phase, peak: float) -> Iterator[tuple[Score, dict[str, Any]]]:
        """Trains from the beginning; yields score and history row of each epoch.

        At each yield, the model has the weights that were scored.
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
        """Has the weights' averages in their place, if there are any."""
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
        """Returns the weights for features as they are."""
        kernel, bias, *others = self.model.get_weights()
        kernel = kernel.astype(np.float64) / self.scale
        bias = bias - self.mean @ kernel
        return [kernel.astype(np.float32), bias.astype(np.float32), *others]

    def _train(self, epoch: int, rates: list[float]) -> dict[str, float]:
        """Trains an epoch, a step for each rate; returns its loss and accuracy."""
        order = epoch_order(self.targets, self.seed, epoch, self.sampling)
        views = (epoch + repetitions(order)) % len(self.train)
        for layer in self.model.layers:
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([self.seed, epoch])
        totals = {"loss": 0.0, "accuracy": 0.0}
        for step, rate in enumerate(rates):
            taken = slice(step * self.batch_size, (step + 1) * self.batch_size)
            features = self._rows(order[taken], views[taken])
            self.model.optimizer.learning_rate = rate
            logs = self.model.train_on_batch(
                self._scaled(features), self.targets[order[taken]], return_dict=True
            )
            if not math.isfinite(logs["loss"]):
                raise RunError(
                    f"loss became {logs['loss']} in epoch {epoch + 1}, step "
                    f"{step + 1}, at learning rate {rate:.3g}. Try a lower --lr."
                )
            totals = {name: totals[name] + logs[name] for name in totals}
        return {name: total / len(rates) for name, total in totals.items()}

    def _rows(self, images: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Returns features of images, each in its view."""
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
    """Returns each channel's mean, and the spread of all about their means."""
    total = sum(chunk.sum(axis=0, dtype=np.float64) for chunk in _chunks(features))
    mean = total / len(features)
    squares = sum(np.square(chunk - mean).sum() for chunk in _chunks(features))
    scale = math.sqrt(squares / math.prod(features.shape))
    if not math.isfinite(scale):
        raise RunError(
            "the backbone's features are no finite numbers. Try --precision float32, "
            "or other weights."
        )
    return mean, scale or 1.0


def _chunks(features: Features) -> Iterator[np.ndarray]:
    for start in range(0, len(features), CHUNK):
        yield features[start : start + CHUNK]
