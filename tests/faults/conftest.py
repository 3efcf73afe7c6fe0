"""Small trainings by commands, and what tests do to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from killed_runs import end_of
from shallow_mobilenet import in_place_of_mobilenet

from cnnxfer.cli.main import run as run_command
from cnnxfer.runs import Run, find_run

Train = Callable[[Path], tuple[int, Run]]


@pytest.fixture(scope="session")
def train_options(noisy_photos_dir: Path, shallow_weights_path: Path) -> list[str]:
    """Returns options for two epochs of three updates on new views."""
    return [
        *("--backbone", "mobilenet-0.25", "--weights", str(shallow_weights_path)),
        *("--data", str(noisy_photos_dir), "--split", "60/20/20"),
        *("--image-size", "64", "--batch", "8", "--epochs", "2", "--lr", "0.01"),
        *("--no-cache", "--precision", "float32", "--devices", "cpu"),
        *("--no-report", "-q"),
    ]


@pytest.fixture(scope="session")
def tuning_options() -> list[str]:
    """Returns options for two epochs that move BatchNormalization's statistics too."""
    return [
        *("--last", "40%", "--epochs", "2", "--lr", "0.001", "--bn", "train"),
        *("--keep", "last", "-q"),
    ]


@pytest.fixture(scope="session")
def train(train_options: list[str]) -> Train:
    """Trains a head in a directory of runs; returns the exit code and the run."""

    def train_there(runs_dir: Path) -> tuple[int, Run]:
        with in_place_of_mobilenet():
            code = run_command(["train", *train_options, "--runs-dir", str(runs_dir)])
        return code, find_run("latest", runs_dir)

    return train_there


@pytest.fixture(scope="session")
def unfreeze(tuning_options: list[str]) -> Callable[[Run], tuple[int, Run]]:
    """Fine-tunes a run; returns the exit code and the new run."""

    def unfreeze_there(parent: Run) -> tuple[int, Run]:
        with in_place_of_mobilenet():
            code = run_command(["unfreeze", str(parent.path), *tuning_options])
        return code, find_run("latest", parent.path.parent)

    return unfreeze_there


@pytest.fixture(scope="session")
def head(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Returns a run that was trained undisturbed; tests must not change it."""
    code, run = train(tmp_path_factory.mktemp("undisturbed"))
    assert code == 0
    return run


@pytest.fixture(scope="session")
def tuned(unfreeze: Callable[[Run], tuple[int, Run]], head: Run) -> Run:
    """Returns `head` after undisturbed fine-tuning; tests must not change it."""
    code, run = unfreeze(head)
    assert code == 0
    return run


@pytest.fixture
def resume() -> Callable[[Run], int]:
    """Resumes a run; returns the exit code."""
    return lambda run: run_command(["resume", str(run.path), "-q"])


@pytest.fixture
def assert_ends_like() -> Callable[[Run, Run], None]:
    """Compares everything that two runs end with, except times and names."""

    def compare(run: Run, undisturbed: Run) -> None:
        assert run.receipt["status"] == undisturbed.receipt["status"] == "done"
        assert end_of(run) == end_of(undisturbed)

    return compare


@pytest.fixture
def error_line(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Returns the line on stderr since the last call, and checks that it is alone."""

    def only_line() -> str:
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1, captured.err
        return captured.err.strip()

    return only_line


@pytest.fixture
def before_update(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[int, Callable[[], object]], None]:
    """Calls a function once, before the update with a number, from 0."""
    from cnnxfer.training.loop.stepper import Stepper

    update = Stepper.update

    def before(number: int, act: Callable[[], object]) -> None:
        def act_then_update(
            stepper: Stepper, current: int, rate: float
        ) -> tuple[float, float]:
            if current == number:
                monkeypatch.setattr(Stepper, "update", update)
                act()
            return update(stepper, current, rate)

        monkeypatch.setattr(Stepper, "update", act_then_update)

    return before
