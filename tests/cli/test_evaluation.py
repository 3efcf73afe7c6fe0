import json
import shutil
from pathlib import Path

import pytest

from cnnxfer.cli.main import run
from cnnxfer.runs import Run


def test_table(colour_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(colour_run.path)]) == 0
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[:4] == [
        ["class", "images", "correct", "share"],
        ["blue", "3", "3", "100.0%"],
        ["green", "3", "3", "100.0%"],
        ["red", "3", "3", "100.0%"],
    ]
    assert f"{colour_run.name}: 9 images\n" in shown.out
    assert "top-1 accuracy 100.0% (95% interval 70.1% to 100.0%)" in shown.out
    assert "top-5" not in shown.out
    assert "before" not in shown.out
    assert shown.err == "engine: keras, float32\nevaluating\n"  # of 9 images


def test_json(colour_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "--runs-dir", str(colour_run.path.parent), "--json"]
    assert run(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == colour_run.metrics["test"]
    assert document["run"] == colour_run.name
    assert document["images"] == 9
    assert document["top1"]["value"] == 1
    assert document["top5"] is None
    assert document["classes"][2] == {"label": "red", "images": 3, "correct": 3}


def test_before_and_after(colour_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    child = Run(Path(shutil.copytree(colour_run.path, colour_run.path / "../child")))
    child.update_receipt(parent=colour_run.name)
    assert run(["evaluate", str(child.path), "-q"]) == 0
    shown = capsys.readouterr()
    assert "before fine-tuning 100.0% (95% interval 70.1% to 100.0%)" in shown.out
    assert shown.out.endswith("-> after 100.0%\n")
    assert shown.err == ""


def test_other_data(
    colour_run: Run, photos_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos_dir / "red" / "00.jpg").write_bytes(b"no image")
    command = ["evaluate", str(colour_run.path), "--data", str(photos_dir)]
    assert run(command) == 0
    shown = capsys.readouterr()
    assert ": 35 images, 1 unreadable\n" in shown.out
    assert "warning: left out red/00.jpg: not an image\n" in shown.err


def test_no_test_images(colour_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    colour_run.write_split([row for row in colour_run.split if row.split != "test"])
    assert run(["evaluate", str(colour_run.path)]) == 2
    assert "has no test images" in capsys.readouterr().err


def test_images_that_are_gone(
    colour_run: Run, photos_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(photos_dir)
    assert run(["evaluate", str(colour_run.path)]) == 2
    assert "no data called" in capsys.readouterr().err


def test_the_engine_and_its_precision_can_be_chosen(
    colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(colour_run.path), "--engine", "openvino"]
    assert run([*command, "--precision", "float32"]) == 0
    shown = capsys.readouterr()
    assert "engine: openvino, float32\n" in shown.err
    assert "top-1 accuracy 100.0%" in shown.out
