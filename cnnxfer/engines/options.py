"""Which engines and precisions can be asked for, and the checks of both options."""

from __future__ import annotations

from cnnxfer.config.config import ENGINES
from cnnxfer.errors import ConfigError
from cnnxfer.registry import check_known

__all__ = ["ENGINES", "LARGEST_BATCH", "PRECISIONS", "check_batch", "check_choice"]

PRECISIONS = ("auto", "float32", "bfloat16")
LARGEST_BATCH = 1024


def check_choice(engine: str, precision: str) -> None:
    """Checks the two options against each other.

    Raises:
        ConfigError: if one is unknown, or Keras is asked for bfloat16.
    """
    check_known("--engine", engine, ENGINES)
    check_known("--precision", precision, PRECISIONS)
    if (engine, precision) == ("keras", "bfloat16"):
        raise ConfigError(
            "--engine keras answers in float32 only. "
            "For --precision bfloat16, use --engine openvino."
        )


def check_batch(batch: int | None) -> None:
    """Checks how many pictures an engine is to take at once; None leaves it to us.

    Raises:
        ConfigError: if it is out of range.
    """
    if batch is not None and not 1 <= batch <= LARGEST_BATCH:
        raise ConfigError(
            f"--batch is {batch}; it must be auto, or from 1 to {LARGEST_BATCH:,}."
        )
