"""Rows of the matrix of exports, which outlive a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.exporting import measuring
from bench.exporting.place import Place
from bench.lib.results import Cell


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr("bench.exporting.place.gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("CNNXFER_CACHE", "")  # which it sets
    return Place()


def test_row_is_measured_once(place: Place) -> None:
    measured: list[str] = []

    def row(form: str) -> list[Cell]:
        def measure() -> list[Cell]:
            measured.append(form)
            return [len(measured), 0.5]

        return place.row("networks", ("vgg16", form), measure)

    assert row("onnx") == row("onnx") == ["vgg16", "onnx", 1, 0.5]
    assert row("litert") == ["vgg16", "litert", 2, 0.5]
    assert measured == ["onnx", "litert"]


def test_failed_export_is_a_row_that_says_why(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise SystemExit("failed: cnnxfer export\nwarning: of\nerror: no such layer")

    monkeypatch.setattr(measuring, "run_process", fail)
    row = measuring.measure_export(Path("run"), "onnx", place)
    assert row[0] == "none: error: no such layer"
    assert len(row) == len(measuring.COLUMNS)
