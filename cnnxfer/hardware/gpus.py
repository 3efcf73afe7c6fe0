"""The NVIDIA GPUs that the driver knows, and what they compute fast."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from cnnxfer.hardware.probing import attempt


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU.

    Attributes:
        bfloat16: whether it computes in bfloat16 (compute capability 8.0).
        float16: whether it has tensor cores for float16 (compute capability 7.0).
    """

    name: str
    memory_bytes: int | None
    driver: str
    compute_capability: float | None
    bfloat16: bool | None
    float16: bool | None


def find_gpus(timeout_seconds: float) -> tuple[Gpu, ...] | None:
    """Returns the GPUs; None if there is a driver that does not answer.

    Raises:
        TimeoutExpired: if the driver takes longer than `timeout_seconds`.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    result = subprocess.run(
        [
            program,
            "--query-gpu=name,memory.total,driver_version,compute_cap",
            "--format=csv,noheader",
        ],
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
    )
    if "No devices were found" in result.stdout:
        return ()
    if result.returncode != 0:
        return None
    return tuple(_gpu(line) for line in result.stdout.splitlines())


def _gpu(line: str) -> Gpu:
    """Reads a line such as `NVIDIA H200, 143771 MiB, 570.86.15, 9.0`."""
    name, memory, driver, capability = (part.strip() for part in line.rsplit(",", 3))
    # A part that the driver doesn't know reads "[N/A]".
    level = attempt(lambda: float(capability))
    return Gpu(
        name=name,
        memory_bytes=attempt(lambda: int(memory.removesuffix(" MiB")) * 2**20),
        driver=driver,
        compute_capability=level,
        bfloat16=None if level is None else level >= 8.0,
        float16=None if level is None else level >= 7.0,
    )
