"""Optimizers and learning-rate schedules from settings."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from cnnxfer.config import Phase


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Warm-up, then constant, cosine to zero, or the textbook's inverse time."""

    def __init__(self, settings: Phase, steps_per_epoch: int) -> None:
        """Covers `settings.epochs` epochs."""
        self.settings = settings
        self.warmup_steps = settings.warmup_epochs * steps_per_epoch
        self.total_steps = settings.epochs * steps_per_epoch

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate of a step, counted from 0."""
        step = ops.cast(step, "float32")
        after = ops.maximum(step - self.warmup_steps, 0.0)
        factor: Any = 1.0
        if self.settings.schedule == "cosine":
            length = max(self.total_steps - self.warmup_steps, 1.0)
            factor = (1 + ops.cos(math.pi * ops.minimum(after / length, 1.0))) / 2
        elif self.settings.schedule == "inverse-time":
            factor = 1 / (1 + self.settings.decay * after)
        if self.warmup_steps:
            factor = factor * ops.minimum((step + 1) / self.warmup_steps, 1.0)
        return self.settings.learning_rate * factor

    def get_config(self) -> dict[str, Any]:
        """Not used: schedules are built from a run's settings, never loaded."""
        raise TypeError("a schedule is built from a run's settings")


def build_optimizer(
    settings: Phase,
    schedule: Schedule | float,
    model: keras.Model,
    *,
    precision: str = "float32",
    replicas: int = 1,
) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a phase, for what is trainable in `model` now.

    Weight decay spares biases and the scales of normalization, as is usual since
    Goyal et al., 2017, https://arxiv.org/abs/1706.02677. With float16, the loss is
    scaled so that small gradients don't vanish.
    """
    common: dict[str, Any] = {
        "learning_rate": schedule,
        # Keras clips what each replica computed, and adds that up.
        "global_clipnorm": settings.clip_norm / replicas or None,
        "weight_decay": settings.weight_decay or None,
    }
    optimizer: keras.optimizers.Optimizer
    if settings.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            momentum=settings.momentum, nesterov=settings.nesterov, **common
        )
    else:
        # With a weight decay it is AdamW, which Keras also offers by that name.
        optimizer = keras.optimizers.Adam(**common)
    if settings.weight_decay:
        spared = [weight for weight in model.trainable_weights if len(weight.shape) < 2]
        optimizer.exclude_from_weight_decay(var_list=spared)
    if precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
