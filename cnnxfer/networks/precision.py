"""Choice of the number format that the backbone computes in."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from cnnxfer.errors import ConfigError
from cnnxfer.hardware.processor import Processor, find_processor
from cnnxfer.spelling import option

# Precisions, and the Keras dtype policies that they stand for.
POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


@contextmanager
def precision_policy(precision: str) -> Iterator[None]:
    """Makes layers that are built inside the block compute in one of `POLICIES`.

    Weights stay in float32. The global policy is the only way to set the precision of
    networks from `keras.applications`.
    """
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)


def resolve_precision(
    precision: str,
    compute_capability: tuple[int, int] | None,
    processor: Processor | None = None,
) -> str:
    """Returns the precision to train in; `auto` means the fastest with hardware units.

    On a CPU with units for bfloat16, TensorFlow trains in half to two thirds of the
    time, and to the same accuracy: `bench/results/fine_tune_step_ways.json`.
    A processor that is not known to have such units computes in float32; so do other
    backends on a CPU, which are slower in bfloat16.

    Args:
        precision: `auto`, or a key of `POLICIES`, which is returned unchanged. `int8`
            is for what is not trained, so it means `auto` here.
        compute_capability: the lowest compute capability of the NVIDIA GPUs in use;
            None without a GPU.
        processor: the CPU that computes if there is no GPU; None for this machine's.

    Raises:
        ConfigError: for float16 on a CPU. Its rounding errors there depend on the
            processor, and bfloat16 is as fast and keeps the range of float32.

    Source: NVIDIA, CUDA C++ Programming Guide, "Compute Capabilities": bfloat16
    tensor cores from 8.0, float16 ones from 7.0.
    """
    on_cpu = keras.backend.backend() == "tensorflow" and compute_capability is None
    if precision == "float16" and on_cpu:
        raise ConfigError(
            f"{option('--precision', 'float16')} needs a GPU, and this run computes "
            "on a CPU. Use bfloat16 or float32."
        )
    if precision not in ("auto", "int8"):
        return precision
    if on_cpu:
        fast = (processor or find_processor()).bfloat16
        return "bfloat16" if fast else "float32"
    if compute_capability is None or compute_capability < (7, 0):
        return "float32"
    return "bfloat16" if compute_capability >= (8, 0) else "float16"


def describe_precision(asked: str, precision: str) -> str:
    """Returns a line that says what a run computes in, and why, from what was asked."""
    if precision == "float32":
        scope = "throughout"
    else:
        scope = "with weights, normalization of pixels and answers in float32"
    if asked not in ("auto", "int8"):
        return f"computes in {precision}, as asked, {scope}"
    if precision == "float32":
        return "computes in float32 throughout: nothing is known to be faster here"
    return (
        f"computes in {precision}, which is fastest here, {scope} "
        f"({option('--precision', 'float32')} is for exact figures)"
    )
