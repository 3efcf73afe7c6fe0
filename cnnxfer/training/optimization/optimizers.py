"""Optimizers from settings, each variable with its own rate, decay and average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from cnnxfer.config import Phase


class _ByVariable(keras.optimizers.Optimizer):
    """Puts own rates, decoupled decay and averages around an optimizer's update.

    All three are part of `update_step`, which Keras calls for one variable at a time
    on every backend, on every device, and only where accumulated gradients are whole.
    """

    def __init__(
        self, decay: float, factors: Mapping[str, float], **settings: Any
    ) -> None:
        super().__init__(**settings)
        self._decay = decay
        self._factors = dict(factors)
        self._rates: list[float] = []
        self._decays: list[float] = []

    def build(self, variables: list[keras.Variable]) -> None:
        super().build(variables)
        self._rates = [self._factors.get(it.path, 1.0) for it in variables]
        self._decays = [self._decay * _has_decay(it.shape) for it in variables]
        if self.use_ema:  # Keras begins averages with zeros
            averages = self._model_variables_moving_average
            for variable, average in zip(variables, averages, strict=True):
                average.assign(ops.copy(variable))  # JAX gives both one buffer

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        factor, decay = self._rates[index], self._decays[index]
        if not factor:
            return
        if factor != 1:
            learning_rate = learning_rate * factor
        if decay:
            rate = ops.cast(learning_rate, variable.dtype)
            self.assign_sub(variable, variable * decay * rate)
        super().update_step(gradient, variable, learning_rate)
        if self.use_ema:
            average = self._model_variables_moving_average[index]
            rest = 1 - ops.cast(self._average_momentum(), variable.dtype)
            self.assign_add(average, rest * (variable - average))

    def _average_momentum(self) -> Any:
        """Returns the share that an average keeps in the update of now."""
        updates = ops.cast(self.iterations, "float32")
        return ops.minimum(self.ema_momentum, (1 + updates) / (10 + updates))

    def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
        """Does nothing: `update_step` has done it, once an update."""


class _SGD(_ByVariable, keras.optimizers.SGD):
    pass


class _Adam(_ByVariable, keras.optimizers.Adam):
    pass


class _Lion(_ByVariable, keras.optimizers.Lion):
    pass


class _RMSprop(_ByVariable, keras.optimizers.RMSprop):
    pass


# AdamW is Adam with the decay that all have here.
_CLASSES = {
    "sgd": _SGD,
    "adamw": _Adam,
    "adam": _Adam,
    "lion": _Lion,
    "rmsprop": _RMSprop,
}


def build_optimizer(
    settings: Phase,
    variables: Sequence[keras.Variable],
    *,
    precision: str = "float32",
    replicas: int = 1,
    accumulate: int = 1,
    factors: Mapping[str, float] | None = None,
) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a phase, built, with a learning rate of 0.

    Its rate is to be set before each update: `optimizer.learning_rate = rate`.

    Weight decay is decoupled (Loshchilov and Hutter, 2019,
    https://arxiv.org/abs/1711.05101): each update takes off its product with the rate.
    It spares biases and the scales of normalization, as is usual since Goyal et al.,
    2017, https://arxiv.org/abs/1706.02677, and depthwise kernels, which have few
    weights (Howard et al., 2017, https://arxiv.org/abs/1704.04861). With float16, the
    loss is scaled so that small gradients don't vanish.

    Averages (`settings.ema`) begin with the variables as they are. An update keeps
    `ema` of an average, but of the nth, from 0, at most (1 + n) / (10 + n), so that a
    short phase does not end with what it began with; so does
    https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage.

    Args:
        settings: of the phase.
        variables: what it trains.
        precision: of the model's arithmetic.
        replicas: how many copies of the model train side by side.
        accumulate: over how many batches gradients are averaged for one update; 1 for
            several replicas, which cannot do more together.
        factors: multiples of the rate, and so of the decay, by the variables' paths;
            1 where there is none. With 0 a variable stays as it is.
    """
    assert replicas == 1 or accumulate == 1, "TensorFlow cannot do both"
    optimizer: keras.optimizers.Optimizer
    own: dict[str, Any] = {}
    if settings.optimizer == "sgd":
        own = {"momentum": settings.momentum, "nesterov": settings.nesterov}
    optimizer = _CLASSES[settings.optimizer](
        decay=settings.weight_decay,
        factors=factors or {},
        name=settings.optimizer,  # or Keras numbers them, and their variables
        learning_rate=0.0,
        # Keras clips what each replica computed, and adds that up.
        global_clipnorm=settings.clip_norm / replicas or None,
        use_ema=settings.ema > 0,
        ema_momentum=settings.ema,
        gradient_accumulation_steps=accumulate if accumulate > 1 else None,
        **own,
    )
    if precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, name="loss_scale")
    optimizer.build(list(variables))
    return optimizer


def _has_decay(shape: tuple[int, ...]) -> bool:
    """Tells whether decay is for weights of a shape."""
    depthwise = len(shape) == 4 and min(shape[2:]) == 1
    return len(shape) >= 2 and not depthwise
