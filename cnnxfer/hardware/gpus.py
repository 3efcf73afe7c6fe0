"""The NVIDIA GPUs of this machine, and which number formats are fast on them."""

import shutil
import subprocess
from dataclasses import dataclass

from cnnxfer.hardware.probing import attempt


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA GPU; None stands for "unknown"."""

    name: str  # of the model, such as "NVIDIA H200"
    memory_bytes: int | None
    driver: str  # version
    compute_capability: float | None  # CUDA's number for its features, such as 9.0
    bfloat16: bool | None  # whether it computes in bfloat16 (from capability 8.0)
    float16: bool | None  # whether it has tensor cores for it (from capability 7.0)


def find_gpus(timeout_seconds: float) -> tuple[Gpu, ...] | None:
    """Returns the NVIDIA GPUs; empty without a driver, None if it reports an error.

    Raises:
        TimeoutExpired: if the driver does not answer within `timeout_seconds`.
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
    # Values that the driver does not know are "[N/A]".
    compute_capability = attempt(lambda: float(capability))
    return Gpu(
        name=name,
        memory_bytes=attempt(lambda: int(memory.removesuffix(" MiB")) * 2**20),
        driver=driver,
        compute_capability=compute_capability,
        bfloat16=None if compute_capability is None else compute_capability >= 8.0,
        float16=None if compute_capability is None else compute_capability >= 7.0,
    )
