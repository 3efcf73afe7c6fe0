"""Commands on runs that have a damaged file: never a traceback, and never a hang."""

from __future__ import annotations

import io
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pytest
from damage import KINDS, truncated
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shallow_mobilenet import in_place_of_mobilenet

from cnnxfer.api import training
from cnnxfer.cli.main import run as run_command
from cnnxfer.errors import RunError
from cnnxfer.evaluation import evaluator
from cnnxfer.networks.run_model import restore_model
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.model_source import run_model
from cnnxfer.runs import Run
from cnnxfer.training.loop.recorder import RunRecorder
from cnnxfer.training.setup import Setup

LONGEST_SECONDS = 120  # of a machine that is busy, too
COMMANDS = {
    "runs": ["runs"],
    "runs --json": ["runs", "--json"],
    "runs show": ["runs", "show", "{run}"],
    "runs show --json": ["runs", "show", "{run}", "--json"],
    "runs diff": ["runs", "diff", "{run}", "{parent}"],
    "predict": ["predict", "{photo}", "--model", "{run}", "--engine", "keras"],
    "evaluate": ["evaluate", "{run}"],
    "resume": ["resume", "{run}", "--epochs", "+1"],
    "unfreeze": ["unfreeze", "{run}", "--epochs", "1"],
}
STOPPED = "all files are read"
# Errors in what these hold name the file; those of others may name a value or a folder.
NAMED = ("classes.json", "split.csv", "metrics.json", "receipt.json", "history.csv")


@pytest.fixture(scope="module")
def photo(noisy_photos_dir: Path) -> Path:
    return next(noisy_photos_dir.glob("*/*"))


@contextmanager
def stopping_before_work() -> Iterator[None]:
    """Stops commands before they compute, after they have read all that they need."""

    def train_phase(setup: Setup, run: Run) -> None:
        classifier = setup.build_classifier(precision="float32")
        recorder = RunRecorder(run, classifier, 1)
        if checkpoint := recorder.last_checkpoint(setup.reporter):
            checkpoint.arrays()
        restore_model(run.require_parent(), classifier)
        raise RunError(STOPPED)

    def measure(run: Run, *_: Any) -> None:
        for each in (run, run.parent):
            if each:
                Classifier(run_model(each))
        raise RunError(STOPPED)

    def answers(classifier: Classifier, *_: Any) -> None:
        classifier.network.build()
        raise RunError(STOPPED)

    with pytest.MonkeyPatch.context() as patch, in_place_of_mobilenet():
        patch.setattr(training, "_train_phase", train_phase)
        patch.setattr(evaluator, "measure_beside_parent", measure)
        patch.setattr(Classifier, "answers", answers)
        yield


def files_of(run: Run) -> list[str]:
    """Returns the files of a run that a command reads, relative to it."""
    found = (path.relative_to(run.path) for path in run.path.rglob("[!.]*"))
    return sorted(str(path) for path in found if (run.path / path).is_file())


@contextmanager
def limited_time(what: str) -> Iterator[None]:
    """Fails if the block waits for something that never comes."""

    def fail(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no end of {what} after {LONGEST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("cases", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_damaged_file_is_one_line(
    cases: int, head: Run, tuned: Run, photo: Path
) -> None:
    tried: Counter[str] = Counter()
    names = [name for name in files_of(tuned) if not name.endswith("000001.npz")]

    @settings(
        max_examples=cases,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # the first failure is told as it is
    )
    @given(st.data())
    def try_one(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(names))
        kind = data.draw(st.sampled_from(KINDS))
        command = data.draw(st.sampled_from(sorted(COMMANDS)))
        what = f"{command!r} with {name} {kind.__name__}"
        with TemporaryDirectory() as directory:
            run = Run(Path(directory, tuned.name))
            parent = Run(Path(directory, head.name))
            shutil.copytree(tuned.path, run.path)
            shutil.copytree(head.path, parent.path)
            run.update_receipt(status="interrupted")
            of_parent = data.draw(st.integers(0, 5)) == 0
            damaged = (parent if of_parent else run).path / name
            if damaged.exists():
                kind(damaged, data.draw)
            places = {"run": run.path, "parent": parent.path, "photo": photo}
            words = [word.format(**places) for word in COMMANDS[command]]
            if "{photo}" not in COMMANDS[command]:
                words += ["--runs-dir", directory]
            with limited_time(what), redirected() as written:
                code = run_command(words)
        tried[f"{Path(name).name} {kind.__name__}"] += 1
        lines = [line for line in written.getvalue().split("\n") if line]
        errors = [line for line in lines if line.startswith("error: ")]
        assert code in (0, 1, 2), what
        assert len(errors) == (code != 0), f"{what}: {lines}"
        # A list that ends early at the end of a line is a shorter list.
        is_damage_seen = damaged.name in NAMED and kind is not truncated
        if code and is_damage_seen and STOPPED not in errors[0]:
            assert damaged.name in errors[0], f"{what}: {errors[0]}"

    with stopping_before_work():
        try_one()
    print("\n".join(f"{count:5} {case}" for case, count in sorted(tried.items())))


@contextmanager
def redirected() -> Iterator[io.StringIO]:
    """Takes what the block prints, and yields what it prints on stderr."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as written:
        yield written
