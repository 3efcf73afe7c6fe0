from __future__ import annotations

import os
from pathlib import Path

import pytest

from cnnxfer.doctor import machine
from cnnxfer.hardware.gpus import Gpu, find_gpus


def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


def test_gpus_are_read_from_nvidia_smi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(
        tmp_path,
        monkeypatch,
        "cat <<END\n"
        "NVIDIA H200, 143771 MiB, 570.86.15, 9.0\n"
        "Tesla T4, 15360 MiB, 570.86.15, 7.5\n"
        "Tesla P100, 16384 MiB, 570.86.15, 6.0\n"
        "Odd, [N/A], 570.86.15, [N/A]\n"
        "END",
    )
    assert find_gpus(5) == (
        Gpu("NVIDIA H200", 143_771 * 2**20, "570.86.15", 9.0, True, True),
        Gpu("Tesla T4", 15_360 * 2**20, "570.86.15", 7.5, False, True),
        Gpu("Tesla P100", 16_384 * 2**20, "570.86.15", 6.0, False, False),
        Gpu("Odd", None, "570.86.15", None, None, None),
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("echo 'NVIDIA-SMI has failed'; exit 9", None),
        ("echo 'something else entirely'", None),
        ("exec sleep 30", None),
        ("echo 'No devices were found'; exit 6", ()),
    ],
)
def test_nvidia_smi_that_reports_no_gpu(
    body: str,
    expected: tuple[Gpu, ...] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nvidia_smi(tmp_path, monkeypatch, body)
    monkeypatch.setattr(machine, "GPU_SECONDS", 0.5)
    assert machine.examine(tmp_path, offline=True).gpus == expected


def test_without_nvidia_smi_there_are_no_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus(5) == ()
