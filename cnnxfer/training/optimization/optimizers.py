"""Builds optimizers in which each variable has its own rate, decay and average."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from cnnxfer.config import Phase


class _PerVariable(keras.optimizers.Optimizer):
    """Adds a rate per variable, decoupled decay and averages to an optimizer.

    All three are part of `update_step`, which Keras calls for one variable at a time
    on every backend and device, and only when all gradients of a batch are accumulated.
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
        self._rates = [self._factors.get(variable.path, 1.0) for variable in variables]
        self._decays = [
            self._decay * _has_decay(variable.shape) for variable in variables
        ]
        if self.use_ema:  # Keras initializes averages with zeros
            averages = self._model_variables_moving_average
            for variable, average in zip(variables, averages, strict=True):
                average.assign(ops.copy(variable))  # on JAX, they would share a buffer

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
        """Returns the fraction that an average keeps in the current update."""
        updates = ops.cast(self.iterations, "float32")
        return ops.minimum(self.ema_momentum, (1 + updates) / (10 + updates))

    def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
        """Does nothing, since `update_step` has updated the averages."""


class _FastSGD(keras.optimizers.SGD):
    """SGD whose step with momentum is one operation in TensorFlow.

    Keras's own are eight, each of which goes through all weights: where a network has
    many, they take nearly three times as long.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if keras.backend.backend() != "tensorflow" or not self.momentum:
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        momentum = self.momentums[self._get_variable_index(variable)]
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=momentum.value.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
            use_nesterov=self.nesterov,
        )


class _SGD(_PerVariable, _FastSGD):
    pass


class _Adam(_PerVariable, keras.optimizers.Adam):
    pass


class _Lion(_PerVariable, keras.optimizers.Lion):
    pass


class _RMSprop(_PerVariable, keras.optimizers.RMSprop):
    pass


# AdamW is Adam with decoupled decay, which all optimizers here have.
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

    The caller sets the rate before each update: `optimizer.learning_rate = rate`.

    Weight decay is decoupled (Loshchilov and Hutter, 2019,
    https://arxiv.org/abs/1711.05101): each update subtracts the weight times decay and
    learning rate. It does not apply to biases and the scales of normalization, as is
    usual since Goyal et al., 2017, https://arxiv.org/abs/1706.02677, nor to depthwise
    kernels, which have few weights (Howard et al., 2017,
    https://arxiv.org/abs/1704.04861). With float16, the loss is scaled so that small
    gradients don't become zero.

    Moving averages (`settings.ema`) begin with the values of the variables. The update
    with number n, from 0, keeps the fraction `ema` of an average, but at most
    (1 + n) / (10 + n), so that the averages of a short phase are not dominated by the
    first values; this is the rule of
    https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage.

    Args:
        settings: the settings of the phase.
        variables: the variables to train.
        precision: the precision of the model, a key of `precision.POLICIES`.
        replicas: the number of copies of the model that are trained side by side.
        accumulate: the number of batches whose gradients are averaged for one update;
            1 with several replicas.
        factors: multiples of the learning rate, and so of the decay, by the paths of
            variables; 1 for a variable without one. A variable with 0 does not change.
    """
    assert replicas == 1 or accumulate == 1, "TensorFlow cannot do both"
    optimizer: keras.optimizers.Optimizer
    options: dict[str, Any] = {}
    if settings.optimizer == "sgd":
        options = {"momentum": settings.momentum, "nesterov": settings.nesterov}
    if settings.clip_norm != "none":
        # Keras clips the gradients of each replica, and then sums them.
        options["global_clipnorm"] = settings.clip_norm / replicas
    if settings.ema != "none":
        options |= {"use_ema": True, "ema_momentum": settings.ema}
    optimizer = _CLASSES[settings.optimizer](
        decay=settings.weight_decay,
        factors=factors or {},
        name=settings.optimizer,  # Keras would number optimizers and their variables
        learning_rate=0.0,
        gradient_accumulation_steps=accumulate if accumulate > 1 else None,
        **options,
    )
    if precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, name="loss_scale")
    optimizer.build(list(variables))
    return optimizer


def _has_decay(shape: tuple[int, ...]) -> bool:
    """Returns whether weight decay applies to weights of a shape."""
    depthwise = len(shape) == 4 and min(shape[2:]) == 1
    return len(shape) >= 2 and not depthwise
