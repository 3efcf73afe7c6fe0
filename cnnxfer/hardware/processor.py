"""The processor and the main memory, and how much of them this process may use."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cnnxfer.hardware.probing import attempt

# The processor features that decide which engine and number format are fastest.
FEATURES = (
    *("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16"),
    *("amx_bf16", "amx_int8"),
)
# Sums of products in int8: VNNI and AMX.
INT8_FEATURES = {"avx_vnni", "avx512_vnni", "amx_int8"}
PROC = Path("/proc")
CONTROL_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Processor:
    """The processor, and how much of it this process may use; None is unknown."""

    model: str | None = None
    physical_cores: int | None = None  # that are usable
    logical_cores: int | None = None  # usable hardware threads
    core_limit: float | None = None  # what the control group allows; None for all
    features: tuple[str, ...] | None = None  # those of `FEATURES` that it has

    @property
    def bfloat16(self) -> bool | None:
        """Whether the processor computes in bfloat16; None if that is not known.

        OpenVINO uses bfloat16 on such processors unless it is told not to.
        """
        if self.features is None:
            return None
        return "avx512_bf16" in self.features or "amx_bf16" in self.features

    @property
    def int8(self) -> bool | None:
        """Whether the processor has VNNI or AMX; None if that is not known.

        Others add products of int8 in 16 bits, which are too few: sums are cut off.
        """
        if self.features is None:
            return None
        return not INT8_FEATURES.isdisjoint(self.features)


@dataclass(frozen=True)
class Memory:
    """The main memory; None is unknown."""

    total_bytes: int | None = None  # or the control group's limit if that is smaller
    available_bytes: int | None = None  # how much can be used without swapping


def find_processor() -> Processor:
    """Returns this machine's processor; values that cannot be read are None."""
    return attempt(_processor) or Processor()


def find_memory() -> Memory:
    """Returns this machine's memory; values that cannot be read are None."""
    return attempt(_memory) or Memory()


def _processor() -> Processor:
    if sys.platform == "linux":
        return _linux_processor()
    if sys.platform == "darwin":
        return _macos_processor()
    return Processor(model=platform.processor() or None, logical_cores=os.cpu_count())


def _linux_processor() -> Processor:
    usable = os.sched_getaffinity(0)
    blocks = [
        _pairs(block)
        for block in (PROC / "cpuinfo").read_text(encoding="utf-8").split("\n\n")
        if block.startswith("processor")
    ]
    cores = {
        (block["physical id"], block["core id"])
        for block in blocks
        if int(block["processor"]) in usable and "core id" in block
    }
    flags = blocks[0].get("flags")
    return Processor(
        model=blocks[0].get("model name"),
        physical_cores=len(cores) or None,
        logical_cores=len(usable),
        core_limit=attempt(_core_limit),
        features=None if flags is None else _known_features(flags),
    )


def _macos_processor() -> Processor:
    values = _sysctl(
        "machdep.cpu.brand_string",
        "machdep.cpu.leaf7_features",  # absent on Apple silicon
        "hw.physicalcpu",
        "hw.logicalcpu",
    )
    return Processor(
        model=values.get("machdep.cpu.brand_string"),
        physical_cores=attempt(lambda: int(values["hw.physicalcpu"])),
        logical_cores=attempt(lambda: int(values["hw.logicalcpu"])),
        features=_known_features(values.get("machdep.cpu.leaf7_features", "")),
    )


def _core_limit() -> float | None:
    text = (CONTROL_GROUP / "cpu.max").read_text(encoding="utf-8")
    quota, period = text.split()
    return None if quota == "max" else int(quota) / int(period)


def _known_features(flags: str) -> tuple[str, ...]:
    present = set(flags.lower().split())
    return tuple(feature for feature in FEATURES if feature in present)


def _memory() -> Memory:
    if sys.platform == "linux":
        return _linux_memory()
    if sys.platform == "darwin":
        return Memory(total_bytes=int(_sysctl("hw.memsize")["hw.memsize"]))
    return Memory()


def _linux_memory() -> Memory:
    values = _pairs((PROC / "meminfo").read_text(encoding="utf-8"))
    total = int(values["MemTotal"].removesuffix(" kB")) * 1024
    available = int(values["MemAvailable"].removesuffix(" kB")) * 1024
    limit = attempt(_memory_limit)
    if limit is not None:
        total = min(total, limit)
    return Memory(total, min(available, total))


def _memory_limit() -> int | None:
    limit = (CONTROL_GROUP / "memory.max").read_text(encoding="utf-8").strip()
    return None if limit == "max" else int(limit)


def _pairs(text: str) -> dict[str, str]:
    """Parses lines of the form `key: value`."""
    parts = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in parts}


def _sysctl(*names: str) -> dict[str, str]:
    # Unknown names make it fail, but only after it has printed the others.
    result = subprocess.run(
        ["sysctl", *names], capture_output=True, text=True, timeout=2
    )
    return _pairs(result.stdout)
