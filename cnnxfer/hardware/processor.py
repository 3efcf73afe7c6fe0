"""The processor and the memory, and how much of them this process may use."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cnnxfer.hardware.probing import attempt

# Processor features that decide which engine and number format is fastest.
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8")
PROC = Path("/proc")
CONTROL_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Processor:
    """The processor, and how much of it this process may use.

    Attributes:
        physical_cores: usable cores.
        logical_cores: usable hardware threads.
        core_limit: share of them that the process's control group allows, in
            cores; None without such a limit.
        features: those of `FEATURES` that it has; None where they cannot be read.
    """

    model: str | None = None
    physical_cores: int | None = None
    logical_cores: int | None = None
    core_limit: float | None = None
    features: tuple[str, ...] | None = None

    @property
    def bfloat16(self) -> bool | None:
        """Whether it has units for bfloat16, which OpenVINO computes in where it may.

        None where its features cannot be read.
        """
        if self.features is None:
            return None
        return "avx512_bf16" in self.features or "amx_bf16" in self.features


@dataclass(frozen=True)
class Memory:
    """Main memory; a control group's limit counts as the total."""

    total_bytes: int | None = None
    available_bytes: int | None = None


def find_processor() -> Processor:
    """Returns this machine's processor, as far as it can be read."""
    return attempt(_processor) or Processor()


def find_memory() -> Memory:
    """Returns this machine's memory, as far as it can be read."""
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
    facts = _sysctl(
        "machdep.cpu.brand_string",
        "machdep.cpu.leaf7_features",  # absent on Apple silicon
        "hw.physicalcpu",
        "hw.logicalcpu",
    )
    return Processor(
        model=facts.get("machdep.cpu.brand_string"),
        physical_cores=attempt(lambda: int(facts["hw.physicalcpu"])),
        logical_cores=attempt(lambda: int(facts["hw.logicalcpu"])),
        features=_known_features(facts.get("machdep.cpu.leaf7_features", "")),
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
    facts = _pairs((PROC / "meminfo").read_text(encoding="utf-8"))
    total = int(facts["MemTotal"].removesuffix(" kB")) * 1024
    available = int(facts["MemAvailable"].removesuffix(" kB")) * 1024
    limit = attempt(_memory_limit)
    if limit is not None:
        total = min(total, limit)
    return Memory(total, min(available, total))


def _memory_limit() -> int | None:
    limit = (CONTROL_GROUP / "memory.max").read_text(encoding="utf-8").strip()
    return None if limit == "max" else int(limit)


def _pairs(text: str) -> dict[str, str]:
    """Reads lines of `key: value`."""
    parts = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in parts}


def _sysctl(*names: str) -> dict[str, str]:
    # A name that this Mac lacks makes it fail after printing the others.
    result = subprocess.run(
        ["sysctl", *names], capture_output=True, text=True, timeout=2
    )
    return _pairs(result.stdout)
