"""Both phases of a run by commands, killed at any moment and gone on with."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
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
        seconds: after its start, or after it holds a run.
        held: whether its run has to be held first.
        file: while it writes its file of this number, from 1; 0 for any moment.
    """

    seconds: float = 0.0
    held: bool = True
    file: int = 0


@dataclass(frozen=True)
class Kill:
    """One that was killed.

    Attributes:
        phase: the command that began it.
        seconds: how long it lived.
        writing: names of the files that were not whole yet.
        reached: what the last checkpoint says, such as `epoch 2, step 5`.
        rows: how many epochs are in the history.
        model: whether there was one to use.
    """

    phase: str
    seconds: float
    writing: tuple[str, ...]
    reached: str
    rows: int
    model: bool


@dataclass
class Journey:
    """Runs of both phases below one directory, by commands.

    Attributes:
        directory: of runs, and of their cache.
        options: of each command.
        spans: how long each phase took that nobody killed, in seconds: from its
            process's start, and from its run's being held.
        told: of each kill.
        kills: so far.
    """

    directory: Path
    options: Mapping[str, Sequence[str]]
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    told: Callable[[Kill], object] = lambda _: None
    kills: list[Kill] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory.mkdir(exist_ok=True)

    @property
    def runs_dir(self) -> Path:
        """Where the runs are."""
        return self.directory / "runs"

    def travel(
        self, phase: str, moments: Iterator[Moment], parent: Run | None = None
    ) -> Run:
        """Runs a phase to its end, killed at each of the moments that comes before.

        Args:
            phase: one of `PHASES`.
            moments: when to kill the process, the one that goes on, and so forth.
            parent: of the second phase.

        Raises:
            AssertionError: if a command fails, or what is left is not as it should be.
        """
        known = set(self._names())
        options = [*([str(parent.path)] if parent else []), *self.options[phase]]
        run = None
        while True:
            moment = next(moments, None)
            arguments = ["resume", str(run.path)] if run else [phase, *options]
            killed = self._live(phase, arguments, known, moment)
            run = self._begun(known)
            if killed:
                self.kills.append(killed)
                self.told(killed)
            # Whoever kills a process that is about to end comes too late.
            if run and run.receipt["status"] == "done":
                return run
            assert killed

    def _live(
        self, phase: str, arguments: list[str], known: set[str], moment: Moment | None
    ) -> Kill | None:
        """Runs a command, and looks at what it leaves at every moment."""
        started = time.monotonic()
        command = [sys.executable, "-m", "cnnxfer", *arguments, "-q"]
        cache = {"CNNXFER_CACHE": str(self.directory / "cache")}
        with (self.directory / "stderr.txt").open("w+") as stderr:
            process = subprocess.Popen(
                [*command, "--runs-dir", str(self.runs_dir)],
                env={**os.environ, **cache},
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
            try:
                look = Look(process, known, self.runs_dir)
                while process.poll() is None:
                    look.look()
                    if moment and look.has_come(moment, started):
                        break
                    time.sleep(LOOK_EVERY_SECONDS)
            finally:
                process.kill()
                process.wait()
            stderr.seek(0)
            said = stderr.read()
        look.look()
        now = time.monotonic()
        assert "Traceback" not in said, f"{arguments} said: {said}"
        if process.returncode == 0:
            self.spans.setdefault(phase, (now - started, now - look.held_since))
            return None
        assert process.returncode == -signal.SIGKILL, f"{arguments} said: {said}"
        run = self._begun(known)
        if run:
            check_whole(run)
        return Kill(
            phase=phase,
            seconds=now - started,
            writing=tuple(sorted(look.writing)),
            reached=reached_by(run) if run else "nothing",
            rows=len(run.history) if run else 0,
            model=bool(run and run.model_path.exists()),
        )

    def _names(self) -> list[str]:
        return os.listdir(self.runs_dir) if self.runs_dir.is_dir() else []

    def _begun(self, known: set[str]) -> Run | None:
        """Returns the run that is new, once it can be gone on with."""
        runs = [Run(self.runs_dir / name) for name in self._names()]
        runs = [run for run in runs if run.name not in known]
        runs = [run for run in runs if (run.path / "config.toml").exists()]
        assert len(runs) < 2
        return runs[0] if runs else None


class Look:
    """Watches a process: what it holds, what it writes, and the model it leaves."""

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
        """Reads the directories; every new model is read whole.

        Raises:
            AssertionError: if a model is torn.
        """
        names: set[str] = set()
        for run in self._directories():
            held = run / HOLDER
            if not self.held_since and _process_of(held) == self.process.pid:
                self.held_since = time.monotonic()
            if self.held_since:
                files = _listed(run) + _listed(run / "checkpoints")
                names |= {name for name in files if name.startswith(TEMPORARY)}
            self._read_model(run / "model.keras")
        self.written += len(names - self.writing)
        self.writing = names

    def has_come(self, moment: Moment, started: float) -> bool:
        """Tells whether it is time to kill."""
        if moment.held and not self.held_since:
            return False
        since = self.held_since if moment.held else started
        if time.monotonic() - since < moment.seconds:
            return False
        return not moment.file or bool(self.writing and self.written >= moment.file)

    def _directories(self) -> list[Path]:
        return [self.runs_dir / it for it in _listed(self.runs_dir)]

    def _read_model(self, path: Path) -> None:
        try:
            state = path.stat()
        except FileNotFoundError:
            assert path not in self.seen, f"{path} is gone"
            return
        mark = (state.st_ino, state.st_mtime_ns)
        if self.seen.get(path) != mark:
            self.seen[path] = mark
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None, f"{path} is torn"


def moments(chance: random.Random, span: tuple[float, float]) -> Iterator[Moment]:
    """Yields moments at random, without end; some files are large, and take longer.

    Args:
        chance: draws them.
        span: how long the phase takes; see `Journey.spans`.
    """
    whole_seconds, held_seconds = span
    while True:
        kind = chance.random()
        if kind < 0.1:
            yield Moment(chance.uniform(0, whole_seconds), held=False)
        elif kind < 0.6:
            yield Moment(chance.uniform(0, held_seconds))
        else:
            yield Moment(file=chance.randint(1, 40))


def check_whole(run: Run) -> None:
    """Checks what anybody may want to read of a run, at any moment.

    Raises:
        AssertionError: if a model or the history is not as it should be.
    """
    if run.model_path.exists():
        load_model(run.model_path)
    for phase in ("frozen", "fine_tune"):
        rows = [row for row in run.history if row["phase"] == phase]
        epochs = [int(row["epoch"]) for row in rows]
        assert epochs == list(range(1, len(epochs) + 1)), f"{run.path}: {epochs}"


def reached_by(run: Run) -> str:
    """Returns what the last whole checkpoint of a run says."""
    if not run.checkpoints_dir.is_dir():
        return "no checkpoint"
    checkpoint = read_checkpoint(run.checkpoints_dir)
    if not checkpoint:
        return "no checkpoint"
    progress = checkpoint.progress
    return f"epoch {progress.number}, step {progress.step}"


def end_of(run: Run) -> dict[str, Any]:
    """Returns all that a run ends with, but times and names."""
    check_whole(run)
    digest = hashlib.sha256()
    for weight in load_model(run.model_path).get_weights():
        digest.update(weight.tobytes())
    return {
        "weights": digest.hexdigest(),
        "history": [{**row, "seconds": ""} for row in run.history],
        "metrics": _nameless(run.metrics),
    }


def _nameless(metrics: Any) -> Any:
    """Returns metrics without the names of the runs that they are of."""
    if isinstance(metrics, dict):
        return {key: _nameless(it) for key, it in metrics.items() if key != "run"}
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
