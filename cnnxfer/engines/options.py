"""The check of the engine and the precision that are asked for."""

from cnnxfer.config.prediction import EvaluateOptions
from cnnxfer.config.setting import settings_in
from cnnxfer.errors import ConfigError
from cnnxfer.registry import check_known
from cnnxfer.spelling import option


def check_choice(engine: str, precision: str) -> None:
    """Checks that there is such an engine, and that it has such a precision.

    Raises:
        ConfigError: if one is unknown, or Keras is asked for bfloat16.
    """
    known = settings_in(EvaluateOptions)
    check_known(option("--engine"), engine, known["engine"].words)
    check_known(option("--precision"), precision, known["precision"].words)
    if (engine, precision) == ("keras", "bfloat16"):
        raise ConfigError(
            f"{option('--engine', 'keras')} answers in float32 only. "
            f"For {option('--precision', 'bfloat16')}, "
            f"use {option('--engine', 'openvino')}."
        )
