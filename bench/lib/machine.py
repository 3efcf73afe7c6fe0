"""What figures depend on: the machine, and the commit of the project."""

from __future__ import annotations

import subprocess

from bench.lib.shared import ROOT
from cnnxfer.hardware.gpus import find_gpus
from cnnxfer.hardware.probing import attempt
from cnnxfer.hardware.processor import find_processor

GPU_TIMEOUT_SECONDS = 10.0
UNITS = {
    "avx2": "AVX2",
    "avx_vnni": "AVX VNNI",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 bfloat16",
    "amx_bf16": "AMX bfloat16",
    "amx_int8": "AMX int8",
}


def describe_machine() -> str:
    """Returns the processor, its units for fast arithmetic, and the GPUs, in words."""
    processor = find_processor()
    units = [UNITS[name] for name in processor.features or ()]
    if not any(unit.startswith("AMX") for unit in units):
        units.append("no AMX")
    limit = processor.core_limit
    limited = "" if limit is None else f" limited to {limit:g}"
    gpus = find_gpus(GPU_TIMEOUT_SECONDS) or ()
    return (
        f"{processor.logical_cores} logical cores{limited} of {processor.model} "
        f"({', '.join(units)}), {', '.join(gpu.name for gpu in gpus) or 'no GPU'}"
    )


def describe_commit() -> str:
    """Returns the commit of the working tree; `-dirty` behind it if files differ.

    It is `unknown` where there is no repository.
    """
    return attempt(_commit) or "unknown"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.check_output(command, cwd=ROOT, text=True).strip()
