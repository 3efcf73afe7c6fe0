import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnxfer.cli.main import run
from cnnxfer.config import Config

COMMAND = ["compare", "--weights", "none", "--engine", "keras", "--split", "50/50/0"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))


def test_a_leaderboard_as_a_table_and_as_json(
    photos_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*COMMAND, "--data", str(photos_dir), "--backbones", "mobilenet-0.25"]
    assert run(command) == 0
    shown = capsys.readouterr()
    (row,) = [line for line in shown.out.splitlines() if line.startswith("mobilenet")]
    assert "224" in row
    summary = r"heads were trained on \d+ images and measured on \d+ others"
    assert re.search(summary, shown.out)
    best, following = shown.out.splitlines()[-2:]
    assert re.match(r"✓ mobilenet-0.25: \d+\.\d% accuracy \(", best)
    assert following.startswith("  next  cnnxfer train --backbone mobilenet-0.25 --d")

    assert run([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (place,) = document["places"]
    assert place["backbone"] == "mobilenet-0.25"
    assert f"{place['val_accuracy']['value']:.1%}" in row
    assert document["left_out"] == {}


def test_the_metric_of_skewed_classes_has_a_column(
    photos_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in sorted((photos_dir / "red").glob("*"))[2:]:
        path.unlink()
    command = [*COMMAND, "--data", str(photos_dir), "--backbones", "mobilenet-0.25"]
    assert run(command) == 0
    header, row = [
        line.split()
        for line in capsys.readouterr().out.splitlines()
        if line.startswith(("backbone", "mobilenet"))
    ]
    assert header[:3] == ["backbone", "macro-f1", "accuracy"]
    assert row[1].endswith("%")
    assert row[2].endswith("%")


def test_backbones_that_are_left_out_are_reported(
    photos_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*COMMAND, "--data", str(photos_dir), "--backbones", "resnet50,vgg16"]
    assert run([*command, "--budget", "0.001s"]) == 0
    shown = capsys.readouterr()
    assert "left out resnet50: the budget of 0.001 s was spent" in shown.out
    assert "left out vgg16" in shown.out


def test_a_misspelt_backbone_is_reported_at_once(
    photos_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*COMMAND, "--data", str(photos_dir), "--backbones", "xceptoin"]) == 2
    assert "Did you mean 'xception'?" in capsys.readouterr().err


def test_a_configuration_file_is_followed(
    photos_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnxfer.evaluation import comparison

    path = tmp_path / "mine.toml"
    path.write_text('precision = "float32"\nseed = 7\nviews = 3\n')
    seen = []

    def compare(
        settings_for: Callable[[str], Config], *_: object
    ) -> comparison.Comparison:
        seen.append(settings_for("classification"))
        return comparison.Comparison("photos", 0, 0, (), {})

    monkeypatch.setattr(comparison, "compare_backbones", compare)
    command = ["compare", "--data", str(photos_dir), "--config", str(path)]
    assert run([*command, "--backbones", "vgg16", "--views", "2"]) == 0
    (config,) = seen
    assert (config.precision, config.seed, config.views) == ("float32", 7, 2)
