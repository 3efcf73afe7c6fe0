import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from shallow_mobilenet import in_place_of_mobilenet

from cnnxfer.cli.main import run
from cnnxfer.errors import ConfigError
from cnnxfer.runs import Run, find_run

SMALL = [
    *("--backbone", "MobileNet_0.25", "--weights", "none", "--freeze"),
    *("--image-size", "32", "--epochs", "1"),
    *("--devices", "cpu", "--precision", "float32"),
]
QUICK = [*SMALL, "--no-report"]


@pytest.fixture(autouse=True)
def directory(
    photos_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The working directory, with a folder called `photos`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNXFER_RUNS", raising=False)
    with in_place_of_mobilenet():
        yield


def test_train_unfreeze_evaluate_and_predict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All steps, each on the latest run."""
    assert run(["train", "--data", "photos", "--tensorboard", *SMALL]) == 0
    shown = capsys.readouterr()
    head = find_run("latest", Path("runs"))
    assert [*head.tensorboard_dir.glob("events.*")]
    assert shown.out == f"{head.path}\n"
    assert "36 images of 3 classes" in shown.err
    assert re.search(
        r"\n✓ \d+\.\d% validation accuracy \(\d.* to \d.*\), 3 classes, .* s\n"
        rf"  saved  {head.path}\n  next   cnnxfer unfreeze\n\Z",
        shown.err,
    )
    log = (head.path / "log.txt").read_text("utf-8")
    for detail in ("  learning rate 0", "  the saved model agrees", "  ✓ "):
        assert detail in log
        assert detail not in shown.err or detail == "  ✓ "
    assert head.model_path.is_file()
    assert (head.path / "report.html").is_file()
    assert head.receipt["status"] == "done"

    command = ["unfreeze", "--epochs", "1", "--all", "--lr", "0.5", "--json"]
    assert run([*command, "--tensorboard"]) == 0
    shown = capsys.readouterr()
    tuned = find_run("latest", Path("runs"))
    assert [*tuned.tensorboard_dir.glob("events.*")]
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


def test_train_without_data_says_that_it_is_a_demonstration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its first line, unless an option is wrong."""

    def stop(reporter: object) -> None:
        raise ConfigError("it goes no further.")

    monkeypatch.setattr("cnnxfer.api.training.starting_keras", stop)
    told = (
        "no data is named, so this shows how it works on the synthetic flowers of the "
        "demo set, 'sample'. Name your own: cnnxfer train FOLDER"
    )
    Path("named.toml").write_text("data = 'sample'")
    Path("other.toml").write_text("seed = 3")
    for words, tells in {
        (): True,
        ("--config", "other.toml"): True,
        ("--config", "named.toml"): False,
        ("sample",): False,
        ("--data", "sample"): False,
    }.items():
        assert run(["train", *words]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert (lines[0] == told) is tells
        assert len(lines) == 1 + tells
    assert run(["train", "--lr", "-1"]) == 2
    assert capsys.readouterr().err.startswith("error: --lr is -1")


def test_train_repeats_a_run_from_its_config(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["train", "--data", "photos", *QUICK, "--seed", "7", "-q"]
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
    models = [keras.saving.load_model(it.model_path) for it in (first, again)]
    assert all(map(np.array_equal, *(model.get_weights() for model in models)))


def test_a_wrong_limit_of_the_cache_makes_no_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE_LIMIT", "lots")
    assert run(["train", "--data", "photos", *QUICK]) == 2
    assert "CNNXFER_CACHE_LIMIT is 'lots'" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_fine_tune_trains_both_phases(capsys: pytest.CaptureFixture[str]) -> None:
    Path("short.toml").write_text("[fine_tune]\nepochs = 1\n")
    command = ["train", "--data", "photos", *QUICK, "--fine-tune", "-q"]
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
        f"cnnxfer unfreeze {colour_run.path}, or extend it with: "
        f"cnnxfer resume {colour_run.path} --epochs +5\n"
    )


def test_a_finished_run_is_extended(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--data", "photos", *QUICK, "-q"]) == 0
    assert run(["unfreeze", "--epochs", "1", "--all", "-q"]) == 0
    tuned = Path(capsys.readouterr().out.splitlines()[-1])
    assert run(["resume", str(tuned), "--epochs", "+2"]) == 0
    shown = capsys.readouterr().err
    assert shown.splitlines()[-1].startswith("  next   cnnxfer predict photos/")
    assert [row["epoch"] for row in Run(tuned).history] == [1, 2, 3]
    assert Run(tuned).receipt["status"] == "done"


@pytest.mark.parametrize("epochs", ["5", "+0", "five", "+-1", ""])
def test_a_wrong_extension_changes_nothing(
    colour_run: Run, capsys: pytest.CaptureFixture[str], epochs: str
) -> None:
    before = colour_run.receipt
    assert run(["resume", str(colour_run.path), "--epochs", epochs]) == 2
    assert "a number of additional epochs, such as +5" in capsys.readouterr().err
    assert colour_run.receipt == before


def test_a_dry_run_shows_stages_and_makes_no_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["train", "--data", "photos", *QUICK, "-q"]) == 0
    command = ["unfreeze", "--gradual", "2", "--layer-decay", "0.5", "--lr", "0.1"]
    capsys.readouterr()
    assert run([*command, "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert "learning rate" in shown.out
    assert "logits" in shown.out
    assert run([*command, "--dry-run", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["stages"]
    assert first["first_epoch"] == 1
    assert second["first_epoch"] == first["epochs"] + 1
    parameters = [
        sum(group["parameters"] for group in row["groups"]) for row in (first, second)
    ]
    assert parameters[0] < parameters[1]
    rates = [group["learning_rate"] for group in second["groups"]]
    assert rates == sorted(rates)
    assert rates[-1] == 0.1
    assert len(os.listdir("runs")) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--all", "--last", "30%"], "--all and --last 30% cannot be combined"),
        (["--all", "--from", "conv1"], "--all and --from conv1 cannot be combined"),
        (["--last", "5%", "--from", "9"], "--last 5% and --from 9 cannot be combined"),
        (["--from", "blokk"], "blokk"),
        (["--gradual", "99"], "--gradual is 99"),
        (["--lr", "quick"], "--lr is 'quick'; expected a number, or 'auto'."),
        (["--batch", "big"], "--batch is 'big'; expected a whole number, 'def"),
        (["--ema", "1"], "--ema is 1; it must be at most 0.9999, or 'none'."),
        (["--time-budget", "later"], "--time-budget is 'later'; expected a time"),
        (["--recipe", "quick"], "--recipe is 'quick'."),
        (["--keep", "first"], "--keep is 'first'."),
        (["--layer-decay", "2"], "--layer-decay is 2; it must be at most 1."),
    ],
)
def test_wrong_options_of_unfreeze_make_no_run(
    colour_run: Run,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    assert run(["unfreeze", str(colour_run.path), *options]) == 2
    assert message in capsys.readouterr().err
    assert os.listdir("runs") == [colour_run.name]


def test_last_replaces_the_first_layer_of_the_parents_settings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["train", "--data", "photos", *QUICK, "-q"]) == 0
    assert run(["unfreeze", "--epochs", "1", "--from", "conv_pw_4", "-q"]) == 0
    first = find_run("latest", Path("runs"))
    assert first.config.fine_tune.start == "conv_pw_4"
    assert run(["unfreeze", "--epochs", "1", "--last", "20%", "-q"]) == 0
    second = find_run("latest", Path("runs"))
    assert second.parent == first
    learning = second.config.fine_tune
    assert (learning.start, learning.last) == ("none", "20%")


def test_a_run_without_a_model_is_not_fine_tuned(
    colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    colour_run.model_path.unlink()
    assert run(["unfreeze", str(colour_run.path)]) == 1
    assert "has no trained model yet" in capsys.readouterr().err
    assert os.listdir("runs") == [colour_run.name]
