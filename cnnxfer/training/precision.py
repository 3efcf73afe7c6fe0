"""In which numbers the backbone computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from cnnxfer.errors import ConfigError

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
    precision: str, compute_capability: tuple[int, int] | None
) -> str:
    """Returns what `auto` means: what the GPU has units for, float32 on a CPU.

    Args:
        precision: `auto`, or a key of `POLICIES`, which is returned as it is.
        compute_capability: of the slowest NVIDIA GPU in use; None without one.

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
    if compute_capability is None or compute_capability < (7, 0):
        return "float32"
    return "bfloat16" if compute_capability >= (8, 0) else "float16"
