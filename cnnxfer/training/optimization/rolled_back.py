"""Restores a model after a trial, to the bit."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np

from cnnxfer.errors import RunError
from cnnxfer.training.variables import restoring


@contextmanager
def rolled_back(model: keras.Model, trial: str) -> Iterator[None]:
    """Restores, at its end, everything that a trial changes in a model.

    This covers the variables that `all_variables` returns, and the states of Python's
    and NumPy's global random numbers.

    Args:
        model: a compiled model whose optimizer is built.
        trial: what is tried, as a noun phrase for the error message.

    Raises:
        RunError: if a single bit of the variables differs afterwards.
    """
    variables = all_variables(model)
    expected = state_hash(variables)
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with restoring(variables):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
    if state_hash(variables) != expected:
        raise RunError(
            f"the network is not as it was before {trial}. Please report this as a bug."
        )


def all_variables(model: keras.Model) -> list[keras.Variable]:
    """Returns all variables that training may change in a compiled model.

    These are its weights, the statistics of normalization, the seed states of random
    layers, and the variables of its optimizer, which has to be built: slots, averages
    and counters.
    """
    return [*model.variables, *model.optimizer.variables]


def state_hash(variables: Sequence[keras.Variable]) -> str:
    """Returns the SHA-256, in hex digits, of the values of variables in order."""
    digest = hashlib.sha256()
    for variable in variables:
        values = keras.ops.convert_to_numpy(variable)
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
