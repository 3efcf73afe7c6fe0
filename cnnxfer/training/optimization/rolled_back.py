"""Trials that leave everything exactly as it was."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np

from cnnxfer.errors import RunError


@contextmanager
def rolled_back(model: keras.Model, trial: str) -> Iterator[None]:
    """Takes back, at its end, all that a trial does to a model.

    That is what `all_variables` returns, and the state of Python's and NumPy's own
    random numbers.

    Args:
        model: compiled, its optimizer built.
        trial: what is tried, for the message.

    Raises:
        RunError: if a single bit is not as it was.
    """
    variables = all_variables(model)
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
    expected = state_hash(variables)
    randoms = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        random.setstate(randoms[0])
        np.random.set_state(randoms[1])
    if state_hash(variables) != expected:
        raise RunError(
            f"the network is not as it was before {trial}. Please report this as a bug."
        )


def all_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns what training may change in a compiled model, its optimizer built.

    That is its weights, the statistics of normalization, what random layers draw from,
    and all that its optimizer keeps: slots, averages and counters.
    """
    return [*model.variables, *model.optimizer.variables]


def state_hash(variables: Sequence[keras.Variable]) -> str:
    """Returns a SHA-256 over the values of some variables, in their order."""
    digest = hashlib.sha256()
    for variable in variables:
        values = keras.ops.convert_to_numpy(variable)
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
