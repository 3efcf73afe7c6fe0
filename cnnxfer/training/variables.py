"""The variables that a phase changes, their values, and the seeds of random layers."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

ITERATION = "optimizer/iteration"
ACCUMULATOR = "gradient_accumulator"
SEED_STATE = "seed_generator_state"


def values_of(variables: Iterable[keras.Variable]) -> list[np.ndarray]:
    """Returns copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def set_values(variables: Iterable[keras.Variable], values: Sequence[Any]) -> None:
    """Gives variables new values."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@contextmanager
def restoring(variables: Sequence[keras.Variable]) -> Iterator[None]:
    """Gives variables, at its end, the values that they had before."""
    values = values_of(variables)
    try:
        yield
    finally:
        set_values(variables, values)


def changing_weights(network: keras.Model) -> list[keras.Variable]:
    """Returns the weights of all trainable layers, including moving statistics."""
    weights = {
        id(weight): weight
        for layer in _leaves(network)
        if layer.trainable
        for weight in layer.weights
    }
    return list(weights.values())


def learning_norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Returns the layers of normalization whose statistics move in training."""
    norms = {
        id(layer): layer
        for layer in _leaves(network)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    }
    return list(norms.values())


def changing_variables(
    network: keras.Model, optimizer: keras.optimizers.Optimizer
) -> dict[str, keras.Variable]:
    """Returns every variable that training changes, by a name that stays the same.

    These are the weights of all trainable layers and the variables of the optimizer.
    Their names leave out the optimizer's own name, which Keras may number; a name that
    occurs twice is numbered. The optimizer has to be built.
    """
    named: dict[str, keras.Variable] = {}
    for variable in changing_weights(network):
        _add(named, f"model/{variable.path}", variable)
    for variable in optimizer.variables:
        _add(named, f"optimizer/{variable.path.partition('/')[2]}", variable)
    return named


def adapt_to_parts(
    arrays: Mapping[str, np.ndarray],
    variables: Mapping[str, keras.Variable],
    old_parts: int,
    new_parts: int,
) -> dict[str, np.ndarray]:
    """Returns a checkpoint's values, adapted to another number of parts of a batch.

    Keras counts parts, not updates, and has variables that sum the gradients of parts,
    which are zero between two updates.
    """
    values = {name: value for name, value in arrays.items() if ACCUMULATOR not in name}
    for name, variable in variables.items():
        if name.startswith(ITERATION) and name in values:
            values[name] = values[name] // old_parts * new_parts
        elif ACCUMULATOR in name:
            values[name] = np.zeros(variable.shape, np.float32)
    return values


def seed_states(model: keras.Model) -> list[keras.Variable]:
    """Returns the seed states of a model's random layers, such as dropout."""
    return [
        variable for variable in model.variables if variable.path.endswith(SEED_STATE)
    ]


def seed_random_layers(states: list[keras.Variable], seed: int, step: int) -> None:
    """Seeds dropout so that the seed and the step alone determine its masks.

    Each layer draws different numbers.
    """
    if keras.backend.backend() == "torch":  # its dropout uses the global seed only
        keras.utils.set_random_seed(_number(f"{seed} {step}"))
    for index, state in enumerate(states):
        # TensorFlow takes far longer to convert a list.
        state.assign(np.array([_number(f"{seed} {index}"), step], np.uint32))


def _number(text: str) -> int:
    """Returns the first 31 bits of a hash of a text."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def _leaves(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yields the layers of a model; a nested model is replaced by its layers."""
    for inner in getattr(layer, "layers", ()):
        if hasattr(inner, "layers"):
            yield from _leaves(inner)
        else:
            yield inner


def _add(named: dict[str, keras.Variable], name: str, variable: keras.Variable) -> None:
    number = 1
    unique = name
    while unique in named:
        number += 1
        unique = f"{name}-{number}"
    named[unique] = variable
