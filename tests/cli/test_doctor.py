from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnnxfer.cli.main import run
from cnnxfer.doctor import advice, machine
from cnnxfer.hardware.gpus import Gpu
from cnnxfer.hardware.processor import Processor


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache [red]"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(machine, "missing_requirements", lambda name, extra="": ())
    monkeypatch.setattr(machine, "find_gpus", lambda timeout_seconds: ())
    monkeypatch.setattr(advice, "LOW_DISK_BYTES", 0)


def test_tells_what_is_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--offline", "--runs-dir", str(tmp_path / "runs")]) == 0
    shown = capsys.readouterr().out
    for part in ("processor", "memory", "GPU", "weights here", "not asked"):
        assert part in shown
    assert "cache [red]" in shown
    assert "does not exist yet" in shown
    assert shown.rstrip().endswith("Everything needed is here.")


def test_shows_gpus_and_hints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        machine,
        "find_gpus",
        lambda timeout_seconds: (
            Gpu("Tesla T4", 15_360 * 2**20, "570.1", 7.5, False, True),
        ),
    )
    monkeypatch.setattr(machine, "has_cuda_libraries", lambda: False)
    assert run(["doctor", "--offline"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Tesla T4, 16.1 GB, driver 570.1, compute capability 7.5" in shown
    assert "fast in float16 and float32" in shown
    assert "hint: TensorFlow cannot use the Tesla T4" in shown
    assert "pip install 'cnnxfer[gpu]'" in shown
    assert "Everything needed is here." not in shown


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (("avx512_bf16",), "Fast CPU, 2 cores, 4 threads, avx512_bf16, fast in bfl"),
        (("avx2",), "avx2, fast in float32"),
        (None, "unknown features"),
    ],
    ids=str,
)
def test_says_what_the_processor_computes_fast(
    features: tuple[str, ...] | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = Processor("Fast CPU", 2, 4, None, features)
    monkeypatch.setattr(machine, "find_processor", lambda: found)
    assert run(["doctor", "--offline"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert expected in shown
    assert "openvino 20" in shown


def test_fails_if_something_required_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        machine, "missing_requirements", lambda name, extra="": ("keras~=3.15.1",)
    )
    assert run(["doctor", "--offline"]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "required: Missing, or of another version: keras~=3.15.1." in shown


def test_json_is_one_document(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CNNXFER_RUNS", str(tmp_path / "mine"))
    assert run(["doctor", "--offline", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["problems"] == []
    assert document["hints"] == []
    assert document["network"] is None
    assert document["gpus"] == []
    paths = {folder["purpose"]: folder["path"] for folder in document["folders"]}
    assert paths["runs"] == str(tmp_path / "mine")
