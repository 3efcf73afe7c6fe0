"""Workers train what one process trains with a batch in parts, to the bit."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import numpy as np
import pytest
from killed_runs import without_seconds
from loopback_workers import ends, environment_of, start

from cnnxfer.runs import Run
from cnnxfer.training.loop.checkpoint import read_checkpoint

SCRIPT = str(Path(__file__).parents[2] / "tiny_worker.py")


def train_alone(directory: Path, *settings: str) -> Run:
    """Trains in one process, and returns the run."""
    directory.mkdir(exist_ok=True)
    environment = environment_of(0, 1, 1)
    command = [sys.executable, "-P", SCRIPT, str(directory), *settings]
    subprocess.run(command, env=environment, check=True, timeout=300)
    return Run(directory / "0")


def train_together(directory: Path, count: int, *settings: str) -> Run:
    """Trains with several workers, and returns the run of the first one."""
    directory.mkdir(exist_ok=True)
    processes = start([SCRIPT, str(directory), *settings], count)
    for code, line in ends(processes, 300):
        assert code == 0, line
    return Run(directory / "0")


def assert_same_bits(run: Run, expected: Run) -> None:
    """Compares all variables, those of the optimizer too, and the history."""
    found, wanted = (read_checkpoint(each.checkpoints_dir) for each in (run, expected))
    assert found
    assert wanted
    arrays = {
        name: value
        for name, value in wanted.arrays().items()
        if "gradient_accumulator" not in name  # zero between two updates
    }
    assert found.arrays().keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(found.arrays()[name], value, err_msg=name)
    assert without_seconds(run) == without_seconds(expected)


def wait_for_checkpoint(directory: Path) -> None:
    deadline = time.monotonic() + 200
    while not list(directory.glob("0/checkpoints/*.npz")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_workers_train_as_one_and_one_goes_on_where_they_were(
    tmp_path: Path,
) -> None:
    alone = train_alone(tmp_path / "alone", "accumulate=2")
    assert_same_bits(train_together(tmp_path / "two", 2), alone)


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 4])
def test_more_workers_train_as_one(tmp_path: Path, count: int) -> None:
    settings = ['optimizer="adamw"', "clip_norm=0.5", "weight_decay=0.01", "ema=0.9"]
    alone = train_alone(tmp_path / "alone", f"accumulate={count}", *settings)
    assert_same_bits(train_together(tmp_path / "all", count, *settings), alone)


@pytest.mark.slow
def test_two_workers_with_two_parts_each_are_four_parts(tmp_path: Path) -> None:
    alone = train_alone(tmp_path / "alone", "accumulate=4")
    run = train_together(tmp_path / "two", 2, "accumulate=4")
    assert_same_bits(run, alone)


@pytest.mark.slow
def test_the_others_end_when_one_dies_and_any_number_goes_on(tmp_path: Path) -> None:
    alone = train_alone(tmp_path / "alone", "accumulate=4")
    directory = tmp_path / "killed"
    directory.mkdir()
    random, hits = Random(0), 0
    for count in (4, 2, 4):
        settings = ["accumulate=4", "sleep=0.2"]
        processes = start([SCRIPT, str(directory), *settings], count)
        wait_for_checkpoint(directory)
        time.sleep(random.uniform(0.5, 3))
        victim = random.randrange(count)
        processes[victim].kill()
        died = time.monotonic()
        others = [each for each in processes if each is not processes[victim]]
        results = ends(others, 30)
        assert time.monotonic() - died < 30
        if all(code == 0 for code, _ in results):
            break  # it was done before
        hits += 1
        for code, line in results:
            assert code == 1
            assert line.startswith(f"error: worker {victim} on ")
            assert line.endswith("is gone. Go on with: cnnxfer resume runs/tiny")
    assert hits
    assert_same_bits(train_together(directory, 2, "accumulate=4"), alone)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_that_is_asked_to_stop_stops_all_after_saving(
    tmp_path: Path, number: signal.Signals
) -> None:
    processes = start([SCRIPT, str(tmp_path), "sleep=0.3"], 2)
    wait_for_checkpoint(tmp_path)
    time.sleep(1)
    processes[1].send_signal(number)
    first, second = ends(processes, 30)
    assert (first[0], second[0]) == (130, 130)
    assert "Go on with: cnnxfer" in first[1]
    checkpoint = read_checkpoint(tmp_path / "0" / "checkpoints")
    assert checkpoint
    assert not checkpoint.progress.finished


@pytest.mark.slow
def test_one_that_does_not_come_is_named(tmp_path: Path) -> None:
    processes = start([SCRIPT, str(tmp_path), "wait=3"], 3, absent=[1])
    first, third = ends(processes, 60)
    assert first[0] == third[0] == 1
    assert "worker 1 of 3 has not come within 3.0 s" in first[1]
    assert "worker 0 at 127.0.0.1" in third[1]


@pytest.mark.slow
def test_one_that_hangs_while_it_starts_hears_sigterm(tmp_path: Path) -> None:
    processes = start([SCRIPT, str(tmp_path), "wait=300"], 2, absent=[1])
    time.sleep(10)
    processes[0].terminate()
    ((code, _),) = ends(processes, 30)
    assert code in (130, -signal.SIGTERM)
