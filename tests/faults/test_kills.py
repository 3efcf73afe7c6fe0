"""Killed processes: the files that they leave, and runs that are resumed from them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random

import pytest
import shallow_cnnxfer
from killed_runs import PHASES, Journey, check_files, moments

from cnnxfer.runs import Run, find_run, list_runs, status_of

# So that processes find what tests share.
SHALLOW = (sys.executable, shallow_cnnxfer.__file__)
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
# Kills itself when so many files are complete and the next is about to get its name.
KILL_ITSELF = """
import os, signal, sys
left, replace = int(sys.argv.pop(1)), os.replace
def replace_or_die(*paths):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    replace(*paths)
os.replace = replace_or_die
from shallow_cnnxfer import main
main()
"""


def run_killed(files: int, *arguments: str) -> None:
    command = [sys.executable, "-c", KILL_ITSELF, str(files), *arguments, "-q"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_run_that_is_killed_again_and_again_ends_as_if_undisturbed(
    train_options: list[str],
    tuning_options: list[str],
    resume: Callable[[Run], int],
    head: Run,
    tuned: Run,
    assert_ends_like: Callable[[Run, Run], None],
    tmp_path: Path,
) -> None:
    often = ["--checkpoint-every", "0.001s"]  # after every update
    run_killed(12, "train", *train_options, *often, "--runs-dir", str(tmp_path))
    run = find_run("latest", tmp_path)
    assert status_of(run) == "killed"
    assert not run.model_path.exists()
    run_killed(12, "resume", str(run.path))
    check_files(run)
    assert run.model_path.exists()
    assert resume(run) == 0
    assert_ends_like(run, head)
    run_killed(25, "unfreeze", str(run.path), *tuning_options, *often)
    child = list_runs(tmp_path)[-1]
    check_files(child)
    assert [row["epoch"] for row in child.history] == [1]
    assert resume(child) == 0
    assert_ends_like(child, tuned)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_kills_at_random_moments(
    seed: int,
    train_options: list[str],
    tuning_options: list[str],
    head: Run,
    tuned: Run,
    assert_ends_like: Callable[[Run, Run], None],
    tmp_path: Path,
) -> None:
    often = ["--checkpoint-every", "0.05s"]
    options = {
        "train": [*train_options, *often],
        "unfreeze": [*tuning_options, *often],
    }
    journey = Journey(tmp_path, options, command=SHALLOW)
    random = Random(seed)
    runs: list[Run] = []
    for phase in PHASES:
        at = islice(moments(random, (10.0, 5.0)), 3)
        runs.append(journey.complete(phase, at, runs[0] if runs else None))
    assert_ends_like(runs[0], head)
    assert_ends_like(runs[1], tuned)


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [20, 100, 300])
def test_a_run_whose_process_runs_out_of_memory_can_be_resumed(
    megabytes: int,
    train_options: list[str],
    resume: Callable[[Run], int],
    tmp_path: Path,
) -> None:
    """On a CPU, TensorFlow raises an error or crashes, depending on the allocation."""
    cap = f"""
import os, resource
from cnnxfer.training.phases import frozen
fit = frozen.fit
def capped(phase):
    pages = int(open("/proc/self/statm").read().split()[0])
    size = pages * os.sysconf("SC_PAGE_SIZE") + {megabytes << 20}
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
    return fit(phase)
frozen.fit = capped
from shallow_cnnxfer import main
main()
"""
    arguments = ["train", *train_options, "--runs-dir", str(tmp_path)]
    command = [sys.executable, "-c", cap, *arguments, "--batch", "26"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=ENVIRONMENT
    )
    run = find_run("latest", tmp_path)
    check_files(run)
    if done.returncode != 0:
        # Some of TensorFlow's libraries abort the process when an allocation fails.
        assert done.returncode in (1, -signal.SIGSEGV, -signal.SIGABRT), done.stderr
        assert done.returncode != 1 or "memory ran out" in done.stderr, done.stderr
        assert resume(run) == 0
    assert run.receipt["status"] == "done"
