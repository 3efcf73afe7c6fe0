from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cnnxfer.hardware import processor
from cnnxfer.hardware.processor import Memory, Processor, find_memory, find_processor

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")


@linux
def test_processor_counts_usable_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two sockets of two cores with two threads each; threads 0, 4 and 2 are usable.
    blocks = [
        f"processor\t: {thread}\nmodel name\t: Fast CPU\nphysical id\t: {socket_}\n"
        f"core id\t\t: {core}\nflags\t\t: fpu amx_bf16 avx2 sse\n"
        for thread, (socket_, core) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)] * 2)
    ]
    (tmp_path / "cpuinfo").write_text("\n".join(blocks))
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    monkeypatch.setattr(processor, "PROC", tmp_path)
    monkeypatch.setattr(processor, "CONTROL_GROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 4, 2})
    assert find_processor() == Processor(
        model="Fast CPU",
        physical_cores=2,
        logical_cores=3,
        core_limit=1.5,
        features=("avx2", "amx_bf16"),
    )


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (None, None),
        ((), False),
        (("avx2", "avx512f", "amx_int8"), False),
        (("avx2", "avx512f", "avx512_bf16"), True),
        (("amx_bf16",), True),
    ],
)
def test_bfloat16_needs_units_for_it(
    features: tuple[str, ...] | None, expected: bool | None
) -> None:
    assert Processor(features=features).bfloat16 is expected


@linux
def test_processor_without_x86_fields_is_partly_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nFeatures\t: fp asimd\n")
    monkeypatch.setattr(processor, "PROC", tmp_path)
    monkeypatch.setattr(processor, "CONTROL_GROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
    assert find_processor() == Processor(logical_cores=1)


@linux
@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max", Memory(8_192_000, 4_096_000)),
        ("2048000", Memory(2_048_000, 2_048_000)),
        (None, Memory(8_192_000, 4_096_000)),
    ],
)
def test_memory_is_limited_by_the_control_group(
    limit: str | None,
    expected: Memory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "meminfo").write_text(
        "MemTotal:        8000 kB\nMemFree: 1 kB\nMemAvailable:    4000 kB\n"
    )
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit + "\n")
    monkeypatch.setattr(processor, "PROC", tmp_path)
    monkeypatch.setattr(processor, "CONTROL_GROUP", tmp_path)
    assert find_memory() == expected
