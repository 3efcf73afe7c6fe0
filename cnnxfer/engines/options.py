"""The engines and precisions that can be asked for, and the checks of these options."""

from cnnxfer.config import Config
from cnnxfer.config.setting import settings_in
from cnnxfer.errors import ConfigError
from cnnxfer.registry import check_known
from cnnxfer.spelling import option

__all__ = ["ENGINES", "LARGEST_BATCH", "PRECISIONS", "check_batch", "check_choice"]

ENGINES = settings_in(Config)["engine"].words
PRECISIONS = ("auto", "float32", "bfloat16")
LARGEST_BATCH = 1024


def check_choice(engine: str, precision: str) -> None:
    """Checks the options `--engine` and `--precision`.

    Raises:
        ConfigError: if one is unknown, or Keras is asked for bfloat16.
    """
    check_known(option("--engine"), engine, ENGINES)
    check_known(option("--precision"), precision, PRECISIONS)
    if (engine, precision) == ("keras", "bfloat16"):
        raise ConfigError(
            f"{option('--engine', 'keras')} answers in float32 only. "
            f"For {option('--precision', 'bfloat16')}, "
            f"use {option('--engine', 'openvino')}."
        )


def check_batch(batch: int | None) -> None:
    """Checks the option `--batch`, the number of images per batch; None means auto.

    Raises:
        ConfigError: if it is not from 1 to `LARGEST_BATCH`.
    """
    if batch is not None and not 1 <= batch <= LARGEST_BATCH:
        raise ConfigError(
            f"{option('--batch')} is {batch}; "
            f"it must be auto, or from 1 to {LARGEST_BATCH:,}."
        )
