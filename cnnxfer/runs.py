"""Run directories; this module alone knows the names of their files."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cnnxfer.config import Config, load_config
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.files import atomic_path, json_text, write_text
from cnnxfer.registry import did_you_mean

LATEST = "latest"


@dataclass(frozen=True)
class SplitRow:
    """Where an image went: its label is the class's name, its split the part.

    Where images may have any number of labels, it is all their names, `|` between.
    """

    id: str
    label: str
    split: str
    sha256: str


@dataclass(frozen=True)
class Run:
    """A run directory. What is written to it is whole or absent."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the directory, which begins with the time of its start."""
        return self.path.name

    @property
    def model_path(self) -> Path:
        """The model to use, pixels to logits; absent before the first epoch ends."""
        return self.path / "model.keras"

    @property
    def checkpoints_dir(self) -> Path:
        """What `resume` needs."""
        return self.path / "checkpoints"

    @property
    def config(self) -> Config:
        """Every setting of the run."""
        return load_config(self._existing("config.toml"))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in label order."""
        return tuple(self._read_json("classes.json", list))

    @property
    def split(self) -> list[SplitRow]:
        """Every image that the run trains, validates or tests on."""
        return [
            SplitRow(row["id"], row["label"], row["split"], row["sha256"])
            for row in self._read_csv("split.csv", "id", "label", "split", "sha256")
        ]

    @property
    def thresholds(self) -> dict[str, float] | None:
        """From which probability on an image shows a class, by the class's name.

        None for a run whose images show one class each; it has the file from its
        beginning if they may show any number.
        """
        path = self.path / "thresholds.json"
        if not path.exists():
            return None
        thresholds = dict(self._read_json("thresholds.json", dict))
        numbers = all(isinstance(value, int | float) for value in thresholds.values())
        if not numbers or set(thresholds) != set(self.class_names):
            raise RunError(f"{path} is damaged: expected a number for each class.")
        return thresholds

    @property
    def metrics(self) -> dict[str, Any]:
        """Accuracies so far; empty before there are any."""
        path = self.path / "metrics.json"
        return dict(self._read_json("metrics.json", dict)) if path.exists() else {}

    @property
    def receipt(self) -> dict[str, Any]:
        """Where the run comes from: command, versions, hashes, parent, times."""
        return dict(self._read_json("receipt.json", dict))

    @property
    def parent(self) -> Run | None:
        """The run that this one goes on from; None for a first phase."""
        parent = self.receipt.get("parent")
        return Run(self.path.parent / parent) if parent else None

    @property
    def history(self) -> list[dict[str, str]]:
        """One row an epoch, in the order they were trained."""
        path = self.path / "history.csv"
        return self._read_csv("history.csv", "phase", "epoch") if path.exists() else []

    def write_config(self, config: Config) -> None:
        """Writes every setting as TOML."""
        write_text(self.path / "config.toml", config.to_toml())

    def write_classes(self, class_names: Sequence[str]) -> None:
        """Writes the names in label order."""
        self._write_json("classes.json", list(class_names))

    def write_split(self, rows: Iterable[SplitRow]) -> None:
        """Writes where each image went."""
        self._write_csv("split.csv", [asdict(row) for row in rows])

    def write_thresholds(self, thresholds: Mapping[str, float]) -> None:
        """Writes from which probability on an image shows a class, by its name."""
        self._write_json("thresholds.json", dict(thresholds))

    def update_metrics(self, **values: Any) -> None:
        """Sets some entries of the metrics and keeps the others."""
        self._write_json("metrics.json", {**self.metrics, **values})

    def update_receipt(self, **values: Any) -> None:
        """Sets some entries of the receipt and keeps the others."""
        path = self.path / "receipt.json"
        self._write_json(
            "receipt.json", {**(self.receipt if path.exists() else {}), **values}
        )

    def add_history(self, row: dict[str, Any]) -> None:
        """Adds an epoch; one of the same phase and number, or later, is replaced."""
        kept = [
            old
            for old in self.history
            if old["phase"] != row["phase"] or int(old["epoch"]) < row["epoch"]
        ]
        self._write_csv("history.csv", [*kept, row])

    def copy_model(self, other: Run) -> None:
        """Takes another run's model and its thresholds, if it has any."""
        with atomic_path(self.model_path) as temporary:
            shutil.copyfile(other.require_model(), temporary)
        if other.thresholds is not None:
            self.write_thresholds(other.thresholds)

    def require_model(self) -> Path:
        """Returns the path of the model.

        Raises:
            RunError: if there is none.
        """
        if not self.path.is_dir():
            raise RunError(f"the run {self.path} is gone. Put it back.")
        if not self.model_path.exists():
            raise RunError(
                f"{self.path} has no trained model yet. "
                f"Go on with: cnnxfer resume {self.path}"
            )
        return self.model_path

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise RunError(f"{self.path} is no whole run: it has no {name}.")
        return path

    def _read(self, name: str) -> str:
        path = self._existing(name)
        try:
            return path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(f"{path} cannot be read: {error}.") from error

    def _read_json(self, name: str, kind: type[list[Any] | dict[str, Any]]) -> Any:
        text = self._read(name)
        try:
            document = json.loads(text)
        except ValueError as error:
            raise RunError(f"{self.path / name} is not JSON: {error}.") from error
        if not isinstance(document, kind):
            raise RunError(f"{self.path / name} holds no {kind.__name__}.")
        return document

    def _read_csv(self, name: str, *columns: str) -> list[dict[str, str]]:
        table = csv.DictReader(io.StringIO(self._read(name)), restval="")
        if not set(columns) <= set(table.fieldnames or ()):
            raise RunError(
                f"{self.path / name} is damaged: expected the columns "
                f"{', '.join(columns)}."
            )
        return list(table)

    def _write_json(self, name: str, document: Any) -> None:
        write_text(self.path / name, json_text(document, indent=2) + "\n")

    def _write_csv(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        text = io.StringIO()
        table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        write_text(self.path / name, text.getvalue())


def resolve_runs_dir(option: Path | str | None) -> Path:
    """Returns where runs live: the option, `CNNXFER_RUNS`, or `runs`."""
    return Path(option or os.environ.get("CNNXFER_RUNS") or "runs")


def create_run(runs_dir: Path, backbone: str, data: str) -> Run:
    """Makes a new, empty run directory; never an existing one.

    Raises:
        ConfigError: if it cannot be made.
    """
    started = datetime.now().strftime("%Y%m%d-%H%M%S")
    words = re.sub(r"[^\w.-]+", "-", f"{backbone}-{data}").strip("-")
    for number in range(1, 1000):
        suffix = "" if number == 1 else f"-{number}"
        path = runs_dir / f"{started}-{words}{suffix}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigError(
                f"no run can be written to {runs_dir} ({error.strerror}). "
                "Choose another place with --runs-dir."
            ) from error
        return Run(path)
    raise ConfigError(f"{runs_dir} has 999 runs of this second; wait a moment.")


def list_runs(runs_dir: Path) -> list[Run]:
    """Returns the runs in a directory, oldest first; none if it does not exist."""
    if not runs_dir.is_dir():
        return []
    runs = [
        Run(path)
        for path in runs_dir.iterdir()
        if (path / "config.toml").is_file() and not path.name.startswith(".")
    ]
    return sorted(runs, key=_age)


def _age(run: Run) -> tuple[float, str]:
    """Sorts by start, as names may have been changed; damaged runs come first."""
    try:
        return datetime.fromisoformat(run.receipt["started"]).timestamp(), run.name
    except (RunError, KeyError, TypeError, ValueError):
        return 0.0, run.name


def find_run(name: str, runs_dir: Path) -> Run:
    """Returns the run that `name` means.

    Args:
        name: a run directory, the name of one in `runs_dir`, or `latest`.
        runs_dir: where runs live.

    Raises:
        ConfigError: if there is none.
    """
    runs = list_runs(runs_dir)
    if name == LATEST:
        if not runs:
            raise ConfigError(
                f"there is no run in {runs_dir} yet. "
                "Start one with: cnnxfer train --data FOLDER"
            )
        return runs[-1]
    for path in (runs_dir / name, Path(name)):
        if (path / "config.toml").is_file():
            return Run(path)
    near = did_you_mean(name, (run.name for run in runs))
    raise ConfigError(
        f"no run called {name!r} in {runs_dir}.{near} List them with: cnnxfer runs"
    )
