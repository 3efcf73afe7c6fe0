"""The variables that a phase changes, by name, and those that draw at random."""

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

    These are the weights of all layers that learn, moving statistics among them, and
    the optimizer's own. What Keras calls an optimizer is left out of its names; a
    name that is there twice is numbered.
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


def with_parts(
    arrays: Mapping[str, np.ndarray],
    variables: Mapping[str, keras.Variable],
    before: int,
    now: int,
) -> dict[str, np.ndarray]:
    """Returns values between two updates, for batches in another number of parts.

    Keras counts parts, not updates, and sums gradients up in variables.

    Args:
        arrays: the values by name.
        variables: those of now.
        before: how many parts a batch had.
        now: how many it has.
    """
    values = {name: it for name, it in arrays.items() if ACCUMULATOR not in name}
    for name, variable in variables.items():
        if name.startswith(ITERATION):
            values[name] = values[name] // before * now
        elif ACCUMULATOR in name:
            values[name] = np.zeros(variable.shape, np.float32)
    return values


def seed_states(model: keras.Model) -> list[keras.Variable]:
    """Returns the states of what draws at random in a model, such as its dropouts."""
    return [it for it in model.variables if it.path.endswith(SEED_STATE)]


def draw_anew(states: list[keras.Variable], seed: int, step: int) -> None:
    """Has dropout draw what follows from the seed and the step alone.

    Each layer draws numbers of its own.
    """
    if keras.backend.backend() == "torch":  # its dropout heeds no other seed
        keras.utils.set_random_seed(_number(f"{seed} {step}"))
    for index, state in enumerate(states):
        state.assign([_number(f"{seed} {index}"), step])


def _number(text: str) -> int:
    """Returns a number of 31 bits that follows from a text."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def _leaves(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yields the layers of a model, those of models within it in place of them."""
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
