from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cnnxfer.cache import cache_dir
from cnnxfer.doctor.advice import hints, problems
from cnnxfer.doctor.folders import Folder
from cnnxfer.doctor.machine import Machine, examine
from cnnxfer.errors import ConfigError
from cnnxfer.hardware.gpus import Gpu
from cnnxfer.hardware.processor import Memory, Processor

H200 = Gpu("NVIDIA H200", 143_771 * 2**20, "570.86.15", 9.0, True, True)
HEALTHY = Machine(
    cnnxfer="0.1.0",
    python="3.11.7",
    platform="Linux",
    packages={"keras": "3.15.1"},
    missing=(),
    extras=(),
    processor=Processor(),
    memory=Memory(),
    gpus=(),
    cuda_libraries=False,
    folders=(),
    cache_error="",
    weights=(),
    weights_host="storage.googleapis.com",
    network=True,
)


def folder(purpose: str, **changes: object) -> Folder:
    usual = Folder(purpose, Path("/there"), True, True, 0, True, 10**12)
    return dataclasses.replace(usual, **changes)


def test_a_healthy_machine_needs_nothing() -> None:
    assert problems(HEALTHY) == []
    assert hints(HEALTHY) == []


def test_missing_requirements_are_a_problem_with_its_command() -> None:
    found = dataclasses.replace(HEALTHY, missing=("numpy>=2.0", "rich"))
    (problem,) = problems(found)
    assert "numpy>=2.0, rich" in problem
    assert problem.endswith("pip install 'numpy>=2.0' rich")


def test_a_cache_that_cannot_be_created_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ConfigError) as error:
        cache_dir()
    assert str(error.value) in problems(examine(tmp_path, offline=True))


def test_a_cache_that_cannot_be_written_is_a_problem() -> None:
    found = dataclasses.replace(
        HEALTHY, folders=(folder("cnnxfer cache", writable=False),)
    )
    (problem,) = problems(found)
    assert "/there cannot be written" in problem
    assert "CNNXFER_CACHE" in problem


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"gpus": (H200,)}, "pip install 'cnnxfer[gpu]'"),
        ({"gpus": None}, "Type nvidia-smi to see why."),
        ({"network": False}, "storage.googleapis.com does not answer"),
        ({"missing": None}, "pip install -e ."),
        ({"folders": (folder("Keras cache", writable=False),)}, "set KERAS_HOME"),
        (
            {"folders": (folder("working directory", free_bytes=5 * 10**8),)},
            "Only 500.0 MB of disk",
        ),
    ],
)
def test_hints(changes: dict[str, object], expected: str) -> None:
    found = dataclasses.replace(HEALTHY, **changes)
    assert problems(found) == []
    (hint,) = hints(found)
    assert expected in hint


@pytest.mark.parametrize(
    "changes",
    [
        {"gpus": (H200,), "cuda_libraries": True},
        {"gpus": (H200,), "cuda_libraries": None},
        {"network": None},
        {"folders": (folder("TFDS data sets", free_bytes=1),)},
    ],
)
def test_no_hint_without_a_reason(changes: dict[str, object]) -> None:
    assert hints(dataclasses.replace(HEALTHY, **changes)) == []
