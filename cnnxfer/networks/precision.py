"""In which numbers the backbone computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from cnnxfer.errors import ConfigError
from cnnxfer.hardware.processor import Processor, find_processor

POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


@contextmanager
def precision_policy(precision: str) -> Iterator[None]:
    """Gives the layers built inside the precision: a key of `POLICIES`.

    Weights stay in float32; `keras.applications` takes no other way to set this than
    the global policy.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def resolve_precision(
    precision: str,
    compute_capability: tuple[int, int] | None,
    processor: Processor | None = None,
) -> str:
    """Returns what `auto` means: the fastest that the processors have units for.

    On a CPU with units for bfloat16, TensorFlow trains in half to two thirds of the
    time, and to the same accuracy: `bench/results/fine_tune_step_ways.json`.
    Whatever is not known to have them computes in float32; so do other backends on a
    CPU, which are slower in bfloat16.

    Args:
        precision: `auto`, or a key of `POLICIES`, which is returned as it is.
        compute_capability: of the slowest NVIDIA GPU in use; None without one.
        processor: that computes without a GPU; None for this machine's.

    Raises:
        ConfigError: for float16 on a CPU: how far its sums stray there depends on the
            processor, and bfloat16 is as fast and keeps the range of float32.

    Source: NVIDIA, CUDA C++ Programming Guide, "Compute Capabilities": bfloat16
    tensor cores from 8.0, float16 ones from 7.0.
    """
    on_cpu = keras.backend.backend() == "tensorflow" and compute_capability is None
    if precision == "float16" and on_cpu:
        raise ConfigError(
            "--precision float16 needs a GPU, and this run computes on a CPU. "
            "Use bfloat16, or float32."
        )
    if precision != "auto":
        return precision
    if on_cpu:
        fast = (processor or find_processor()).bfloat16
        return "bfloat16" if fast else "float32"
    if compute_capability is None or compute_capability < (7, 0):
        return "float32"
    return "bfloat16" if compute_capability >= (8, 0) else "float16"


def describe_precision(asked: str, precision: str) -> str:
    """Returns one line on what the arithmetic is, and why.

    Args:
        asked: of the configuration.
        precision: what `resolve_precision` makes of it.
    """
    if precision == "float32":
        kept = "throughout"
    else:
        kept = "with weights, normalization of pixels and head in float32"
    if asked != "auto":
        return f"computes in {precision}, as asked, {kept}"
    if precision == "float32":
        return "computes in float32 throughout: nothing is known to be faster here"
    return (
        f"computes in {precision}, which is fastest here, {kept} "
        "(--precision float32 is for exact figures)"
    )
