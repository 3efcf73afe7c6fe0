"""The check of the engine and the precision that are asked for."""

from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option


def check_choice(engine: str, precision: str) -> None:
    """Checks that an engine has a precision.

    Raises:
        ConfigError: if Keras is asked for bfloat16.
    """
    if (engine, precision) == ("keras", "bfloat16"):
        raise ConfigError(
            f"{option('--engine', 'keras')} answers in float32 only. "
            f"For {option('--precision', 'bfloat16')}, "
            f"use {option('--engine', 'openvino')}."
        )


def check_own_choice(engine: str, precision: str) -> None:
    """Checks that nothing else is asked for than the own engine of a network.

    Raises:
        ConfigError: if an engine or a precision is.
    """
    if (engine, precision) != ("auto", "auto"):
        raise ConfigError(
            "an exported network runs in its own runtime, at its own precision. Leave "
            f"out {option('--engine')} and {option('--precision')}."
        )
