"""Small trainings by commands, undisturbed ones among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from killed_runs import end_of

from cnnxfer.cli.main import run as run_command
from cnnxfer.runs import Run, find_run

Train = Callable[[Path], tuple[int, Run]]


@pytest.fixture(scope="session")
def train_options(noisy_photos_dir: Path, weights_path: Path) -> list[str]:
    """Two epochs of three updates, on new views."""
    return [
        *("--backbone", "mobilenet-0.25", "--weights", str(weights_path)),
        *("--data", str(noisy_photos_dir), "--split", "60/20/20"),
        *("--image-size", "64", "--batch", "8", "--epochs", "2", "--lr", "0.01"),
        *("--no-cache", "--precision", "float32", "--devices", "cpu", "-q"),
    ]


@pytest.fixture(scope="session")
def tuning_options() -> list[str]:
    """Two epochs in which statistics of BatchNormalization move, too."""
    return [
        *("--last", "40%", "--epochs", "2", "--lr", "0.001", "--bn", "train"),
        *("--keep", "last", "-q"),
    ]


@pytest.fixture(scope="session")
def train(train_options: list[str]) -> Train:
    """Trains a head below a directory: the exit code and the run."""

    def train_there(runs_dir: Path) -> tuple[int, Run]:
        code = run_command(["train", *train_options, "--runs-dir", str(runs_dir)])
        return code, find_run("latest", runs_dir)

    return train_there


@pytest.fixture(scope="session")
def unfreeze(tuning_options: list[str]) -> Callable[[Run], tuple[int, Run]]:
    """Fine-tunes a run, beside it: the exit code and the new run."""

    def unfreeze_there(parent: Run) -> tuple[int, Run]:
        code = run_command(["unfreeze", str(parent.path), *tuning_options])
        return code, find_run("latest", parent.path.parent)

    return unfreeze_there


@pytest.fixture(scope="session")
def head(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A trained head that nothing disturbed; tests leave it as it is."""
    code, run = train(tmp_path_factory.mktemp("undisturbed"))
    assert code == 0
    return run


@pytest.fixture(scope="session")
def tuned(unfreeze: Callable[[Run], tuple[int, Run]], head: Run) -> Run:
    """The same, fine-tuned."""
    code, run = unfreeze(head)
    assert code == 0
    return run


@pytest.fixture
def go_on() -> Callable[[Run], int]:
    """Goes on with a run; returns the exit code."""
    return lambda run: run_command(["resume", str(run.path), "-q"])


@pytest.fixture
def assert_ends_like() -> Callable[[Run, Run], None]:
    """Compares all that two runs end with, bit for bit, but times and names."""

    def compare(run: Run, undisturbed: Run) -> None:
        assert run.receipt["status"] == undisturbed.receipt["status"] == "done"
        assert end_of(run) == end_of(undisturbed)

    return compare


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Returns what was said since it was last asked: one line, and no result."""

    def only_line() -> str:
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1, shown.err
        return shown.err.strip()

    return only_line


@pytest.fixture
def before_update(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[int, Callable[[], object]], None]:
    """Has something done once, before the update of a number, from 0."""
    from cnnxfer.training.loop.stepper import Stepper

    update = Stepper.update

    def before(number: int, act: Callable[[], object]) -> None:
        def acting(stepper: Stepper, now: int, rate: float) -> tuple[float, float]:
            if now == number:
                monkeypatch.setattr(Stepper, "update", update)
                act()
            return update(stepper, now, rate)

        monkeypatch.setattr(Stepper, "update", acting)

    return before
