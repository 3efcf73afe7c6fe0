"""The variables that a phase changes, by name, and the seeds of random layers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import keras
import numpy as np

ITERATION = "optimizer/iteration"
ACCUMULATOR = "gradient_accumulator"
SEED_STATE = "seed_generator_state"


def changing_variables(
    classifier: keras.Model, optimizer: keras.optimizers.Optimizer
) -> dict[str, keras.Variable]:
    """Returns every variable that training changes, by a name that stays the same.

    These are the weights of all trainable layers, including moving statistics, and the
    variables of the optimizer. Their names leave out the optimizer's own name, which
    Keras may number; a name that occurs twice is numbered.

    Args:
        classifier: the whole network.
        optimizer: the optimizer, built.
    """
    weights = [
        weight
        for layer in _leaves(classifier)
        if layer.trainable
        for weight in layer.weights
    ]
    named: dict[str, keras.Variable] = {}
    for variable in {id(weight): weight for weight in weights}.values():
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

    Args:
        arrays: the values by name, saved between two updates.
        variables: the variables of the new optimizer and the network, by name.
        old_parts: the number of parts of a batch in `arrays`.
        new_parts: the number of parts of a batch for `variables`.
    """
    values = {name: value for name, value in arrays.items() if ACCUMULATOR not in name}
    for name, variable in variables.items():
        if name.startswith(ITERATION):
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

    Args:
        states: from `seed_states`.
        seed: the seed of the run.
        step: the number of the step, from 0.
    """
    if keras.backend.backend() == "torch":  # its dropout uses the global seed only
        keras.utils.set_random_seed(_number(f"{seed} {step}"))
    for index, state in enumerate(states):
        state.assign([_number(f"{seed} {index}"), step])


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
