"""Runs both phases by commands that are killed at any moment and resumed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from cnnxfer.files import TEMPORARY
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run
from cnnxfer.runs.lock import HOLDER
from cnnxfer.training.loop.checkpoint import read_checkpoint

LOOK_EVERY_SECONDS = 0.0005
PHASES = ("train", "unfreeze")


@dataclass(frozen=True)
class Moment:
    """When a process is killed.

    Attributes:
        seconds: the time after its start, or after it holds its run.
        held: whether the process has to hold its run first.
        file: the number of the file, from 1, that the process must be writing; 0 for
            any moment.
    """

    seconds: float = 0.0
    held: bool = True
    file: int = 0


@dataclass(frozen=True)
class Kill:
    """What was observed when a process was killed.

    Attributes:
        phase: the command that began the phase.
        seconds: how long the process ran.
        writing: the names of the temporary files that it was writing.
        reached: the progress in the last checkpoint, such as `epoch 2, step 5`.
        rows: the number of epochs in the history.
        model: whether the run had a model.
    """

    phase: str
    seconds: float
    writing: tuple[str, ...]
    reached: str
    rows: int
    model: bool


@dataclass
class Journey:
    """Runs of both phases in one directory, trained by commands that are killed.

    Attributes:
        directory: the parent directory of the runs and of their cache.
        options: the options of each command.
        spans: the duration, in seconds, of each phase that was not killed: from the
            start of its process, and from the moment that it held its run.
        on_kill: called with each kill.
        kills: the kills so far.
        command: what runs cnnxfer.
    """

    directory: Path
    options: Mapping[str, Sequence[str]]
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    on_kill: Callable[[Kill], object] = lambda _: None
    kills: list[Kill] = field(default_factory=list)
    command: Sequence[str] = (sys.executable, "-m", "cnnxfer")

    def __post_init__(self) -> None:
        self.directory.mkdir(exist_ok=True)

    @property
    def runs_dir(self) -> Path:
        """The directory of the runs."""
        return self.directory / "runs"

    def complete(
        self, phase: str, moments: Iterator[Moment], parent: Run | None = None
    ) -> Run:
        """Runs a phase to its end; kills and resumes it at each moment before that.

        Args:
            phase: one of `PHASES`.
            moments: when to kill the first process, the one that resumes, and so on.
            parent: the parent run of fine-tuning.

        Raises:
            AssertionError: if a command fails, or a killed one leaves damaged files.
        """
        known = set(self._names())
        options = [*([str(parent.path)] if parent else []), *self.options[phase]]
        run = None
        while True:
            moment = next(moments, None)
            arguments = ["resume", str(run.path)] if run else [phase, *options]
            killed = self._run_command(phase, arguments, known, moment)
            run = self._begun(known)
            if killed:
                self.kills.append(killed)
                self.on_kill(killed)
            # The kill may come too late, when the process has just ended.
            if run and run.receipt["status"] == "done":
                return run
            assert killed

    def _run_command(
        self, phase: str, arguments: list[str], known: set[str], moment: Moment | None
    ) -> Kill | None:
        """Runs a command and checks its files at every moment."""
        started = time.monotonic()
        command = [*self.command, *arguments, "-q"]
        cache = {"CNNXFER_CACHE": str(self.directory / "cache")}
        with (self.directory / "stderr.txt").open("w+") as stderr:
            process = subprocess.Popen(
                [*command, "--runs-dir", str(self.runs_dir)],
                env={**os.environ, **cache},
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
            try:
                observer = Observer(process, known, self.runs_dir)
                while process.poll() is None:
                    observer.look()
                    if moment and observer.has_come(moment, started):
                        break
                    time.sleep(LOOK_EVERY_SECONDS)
            finally:
                process.kill()
                process.wait()
            stderr.seek(0)
            output = stderr.read()
        observer.look()
        now = time.monotonic()
        assert "Traceback" not in output, f"{arguments} printed: {output}"
        if process.returncode == 0:
            self.spans.setdefault(phase, (now - started, now - observer.held_since))
            return None
        assert process.returncode == -signal.SIGKILL, f"{arguments} printed: {output}"
        run = self._begun(known)
        if run:
            check_files(run)
        return Kill(
            phase=phase,
            seconds=now - started,
            writing=tuple(sorted(observer.writing)),
            reached=reached_by(run) if run else "nothing",
            rows=len(run.history) if run else 0,
            model=bool(run and run.model_path.exists()),
        )

    def _names(self) -> list[str]:
        return os.listdir(self.runs_dir) if self.runs_dir.is_dir() else []

    def _begun(self, known: set[str]) -> Run | None:
        """Returns the new run, once it can be resumed."""
        runs = [Run(self.runs_dir / name) for name in self._names()]
        runs = [run for run in runs if run.name not in known]
        runs = [run for run in runs if (run.path / "config.toml").exists()]
        assert len(runs) < 2
        return runs[0] if runs else None


class Observer:
    """Watches the files of a process: its lock, those it writes, and its model."""

    def __init__(
        self, process: subprocess.Popen[bytes], known: set[str], runs_dir: Path
    ) -> None:
        self.process = process
        self.known = known
        self.runs_dir = runs_dir
        self.held_since = 0.0
        self.writing: set[str] = set()
        self.written = 0
        self.seen: dict[Path, tuple[int, int]] = {}

    def look(self) -> None:
        """Reads the directories, and checks every new model.

        Raises:
            AssertionError: if a model is damaged.
        """
        names: set[str] = set()
        for run in self._directories():
            holder = _process_of(run / HOLDER)
            if not self.held_since and holder == self.process.pid:
                self.held_since = time.monotonic()
            if self.held_since:
                files = _listed(run) + _listed(run / "checkpoints")
                names |= {name for name in files if name.startswith(TEMPORARY)}
            self._read_model(run / "model.keras")
        self.written += len(names - self.writing)
        self.writing = names

    def has_come(self, moment: Moment, started: float) -> bool:
        """Returns whether the moment to kill the process has come."""
        if moment.held and not self.held_since:
            return False
        since = self.held_since if moment.held else started
        if time.monotonic() - since < moment.seconds:
            return False
        return not moment.file or bool(self.writing and self.written >= moment.file)

    def _directories(self) -> list[Path]:
        return [self.runs_dir / name for name in _listed(self.runs_dir)]

    def _read_model(self, path: Path) -> None:
        try:
            state = path.stat()
        except FileNotFoundError:
            assert path not in self.seen, f"{path} no longer exists"
            return
        mark = (state.st_ino, state.st_mtime_ns)
        if self.seen.get(path) != mark:
            self.seen[path] = mark
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None, f"{path} is damaged"


def moments(random: Random, span: tuple[float, float]) -> Iterator[Moment]:
    """Yields random moments without end.

    Args:
        random: draws the moments.
        span: the duration of the phase, in seconds; see `Journey.spans`.
    """
    whole_seconds, held_seconds = span
    while True:
        kind = random.random()
        if kind < 0.1:
            yield Moment(random.uniform(0, whole_seconds), held=False)
        elif kind < 0.6:
            yield Moment(random.uniform(0, held_seconds))
        else:  # some files are large, and writing them takes most of the time
            yield Moment(file=random.randint(1, 40))


def check_files(run: Run) -> None:
    """Checks the files of a run that must be readable at any moment.

    Raises:
        AssertionError: if the model or the history is damaged.
    """
    if run.model_path.exists():
        load_model(run.model_path)
    for phase in ("frozen", "scratch", "fine_tune"):
        rows = [row for row in run.history if row["phase"] == phase]
        epochs = [int(row["epoch"]) for row in rows]
        assert epochs == list(range(1, len(epochs) + 1)), f"{run.path}: {epochs}"


def reached_by(run: Run) -> str:
    """Returns the epoch and the step of the last complete checkpoint of a run."""
    if not run.checkpoints_dir.is_dir():
        return "no checkpoint"
    checkpoint = read_checkpoint(run.checkpoints_dir)
    if not checkpoint:
        return "no checkpoint"
    progress = checkpoint.progress
    return f"epoch {progress.number}, step {progress.step}"


def end_of(run: Run) -> dict[str, Any]:
    """Returns everything that a run ends with, except times and names."""
    check_files(run)
    digest = hashlib.sha256()
    for weight in load_model(run.model_path).get_weights():
        digest.update(weight.tobytes())
    return {
        "weights": digest.hexdigest(),
        "history": without_seconds(run),
        "metrics": _nameless(run.metrics),
    }


def without_seconds(run: Run) -> list[dict[str, Any]]:
    """Returns the history of a run without the time that each epoch took."""
    return [{**row, "seconds": ""} for row in run.history]


def _nameless(metrics: Any) -> Any:
    """Returns metrics without the names of runs."""
    if isinstance(metrics, dict):
        return {key: _nameless(value) for key, value in metrics.items() if key != "run"}
    return metrics


def _process_of(holder: Path) -> int:
    try:
        return int(json.loads(holder.read_text())["process"])
    except (OSError, ValueError, KeyError):
        return 0


def _listed(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
