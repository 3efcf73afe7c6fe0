import json
import os
from pathlib import Path

import pytest

from cnnxfer.cli.main import run
from cnnxfer.runs import Run, find_run

SMALL = [
    *("--backbone", "MobileNet_0.25", "--weights", "none", "--image-size", "32"),
    *("--epochs", "1", "--devices", "cpu", "--precision", "float32"),
]


@pytest.fixture(autouse=True)
def directory(
    photos_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working directory, with a folder called `photos`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNXFER_RUNS", raising=False)


def test_train_unfreeze_evaluate_and_predict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The whole way, each step on the latest run."""
    assert run(["train", "--data", "photos", *SMALL]) == 0
    shown = capsys.readouterr()
    head = find_run("latest", Path("runs"))
    assert shown.out == f"{head.path}\n"
    assert "36 images of 3 classes" in shown.err
    assert f"next: cnnxfer unfreeze {head.path}\n" in shown.err
    assert head.model_path.is_file()
    assert head.receipt["status"] == "done"

    command = ["unfreeze", "--epochs", "1", "--all", "--lr", "0.5", "--json"]
    assert run(command) == 0
    shown = capsys.readouterr()
    tuned = find_run("latest", Path("runs"))
    document = json.loads(shown.out)
    assert document == {"run": str(tuned.path), "metrics": tuned.metrics}
    assert tuned.parent == head
    assert tuned.config.fine_tune.last == "100%"
    assert tuned.config.fine_tune.learning_rate == 0.5
    assert tuned.class_names == ("blue", "green", "red")

    assert run(["evaluate", "-q"]) == 0
    assert "-> after" in capsys.readouterr().out
    assert run(["predict", "photos/red", "--format", "jsonl", "-q"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 12
    assert run(["runs", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["phase"] for row in rows] == ["frozen", "fine_tune"]
    assert all(row["status"] == "done" for row in rows)


def test_train_repeats_a_run_from_its_config(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["train", "--data", "photos", *SMALL, "--seed", "7", "-q"]
    assert run([*command, "--runs-dir", "first"]) == 0
    first = Run(Path(capsys.readouterr().out.strip()))
    config = str(first.path / "config.toml")
    assert run(["train", "--config", config, "--runs-dir", "again", "-q"]) == 0
    shown = capsys.readouterr()
    again = Run(Path(shown.out.strip()))
    assert again.path.parent == Path("again")
    assert shown.err == ""
    assert again.config == first.config
    assert again.split == first.split
    assert again.metrics == first.metrics


def test_a_wrong_limit_of_the_cache_is_told_before_a_run_is_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE_LIMIT", "lots")
    assert run(["train", "--data", "photos", *SMALL]) == 2
    assert "CNNXFER_CACHE_LIMIT is 'lots'" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_fine_tune_trains_both_phases(capsys: pytest.CaptureFixture[str]) -> None:
    Path("short.toml").write_text("[fine_tune]\nepochs = 1\n")
    command = ["train", "--data", "photos", *SMALL, "--fine-tune", "-q"]
    assert run([*command, "--config", "short.toml"]) == 0
    tuned = Run(Path(capsys.readouterr().out.strip()))
    assert tuned.parent
    assert tuned.parent.receipt["status"] == "done"
    assert len(os.listdir("runs")) == 2


def test_a_finished_run_is_not_resumed(
    colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["resume", str(colour_run.path)]) == 2
    shown = capsys.readouterr()
    assert shown.err == (
        f"error: {colour_run.path} is finished. Fine-tune it with: "
        f"cnnxfer unfreeze {colour_run.path}\n"
    )


def test_a_run_without_a_model_is_not_fine_tuned(
    colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    colour_run.model_path.unlink()
    assert run(["unfreeze", str(colour_run.path)]) == 1
    assert "has no trained model yet" in capsys.readouterr().err
    assert os.listdir("runs") == [colour_run.name]
