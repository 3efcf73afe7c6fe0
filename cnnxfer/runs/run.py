"""One run directory; this module alone knows the names of its files."""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cnnxfer.config import Config, load_config
from cnnxfer.errors import RunError
from cnnxfer.files import atomic_path, explained_os_errors, json_text, write_text


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
    """A run directory, whose files are whole or absent.

    Attributes:
        path: path of the directory.
    """

    path: Path

    @property
    def name(self) -> str:
        """Name of the directory, which begins with the time of its start."""
        return self.path.name

    @property
    def model_path(self) -> Path:
        """Path of the model, pixels to logits; absent before the first epoch ends."""
        return self.path / "model.keras"

    @property
    def checkpoints_dir(self) -> Path:
        """Path of the folder with what `resume` needs."""
        return self.path / "checkpoints"

    @property
    def config(self) -> Config:
        """Every setting of the run."""
        return load_config(self._existing("config.toml"))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in label order."""
        return tuple(self._read_json("classes.json", list))

    @property
    def split(self) -> list[SplitRow]:
        """Every image that the run trains, validates or tests on, and its part."""
        return [
            SplitRow(row["id"], row["label"], row["split"], row["sha256"])
            for row in self._read_csv("split.csv", "id", "label", "split", "sha256")
        ]

    @property
    def thresholds(self) -> dict[str, float] | None:
        """The probability from which on an image shows a class, by the class's name.

        None for a run whose images show one class each. Where they may show any
        number, the run has the file from its beginning.
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
        """The accuracies that were measured so far; empty before there are any."""
        path = self.path / "metrics.json"
        return dict(self._read_json("metrics.json", dict)) if path.exists() else {}

    @property
    def receipt(self) -> dict[str, Any]:
        """Where the run comes from: command, versions, hashes, parent, times."""
        return dict(self._read_json("receipt.json", dict))

    @property
    def parent(self) -> Run | None:
        """The run that this one was fine-tuned from; None for a frozen phase."""
        parent = self.receipt.get("parent")
        return Run(self.path.parent / parent) if parent else None

    @property
    def phase(self) -> str:
        """The phase of the run, `frozen` or `fine_tune`.

        The tables of its settings and of its metrics are named so.
        """
        return "fine_tune" if self.receipt.get("parent") else "frozen"

    @property
    def history(self) -> list[dict[str, str]]:
        """One row for each epoch, in the order in which they were trained."""
        path = self.path / "history.csv"
        return self._read_csv("history.csv", "phase", "epoch") if path.exists() else []

    def write_config(self, config: Config) -> None:
        """Writes every setting as TOML."""
        self._write_text("config.toml", config.to_toml())

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
        """Sets some entries of the metrics and keeps the others; None removes one.

        Another process may do so at the same time.
        """
        with self.updating():
            metrics = {**self.metrics, **values}
            there = {name: it for name, it in metrics.items() if it is not None}
            self._write_json("metrics.json", there)

    def update_receipt(self, **values: Any) -> None:
        """Sets some entries of the receipt and keeps the others."""
        path = self.path / "receipt.json"
        self._write_json(
            "receipt.json", {**(self.receipt if path.exists() else {}), **values}
        )

    def add_history(self, row: dict[str, Any]) -> None:
        """Adds an epoch; one of the same phase and number, or later, is replaced."""
        kept: list[dict[str, Any]] = [
            old
            for old in self.history
            if old["phase"] != row["phase"] or int(old["epoch"]) < row["epoch"]
        ]
        self._write_csv("history.csv", [*kept, row])

    def copy_model(self, other: Run) -> None:
        """Takes another run's model and its thresholds, if it has any."""
        source = other.require_model()
        with self.saving(), atomic_path(self.model_path) as temporary:
            shutil.copyfile(source, temporary)
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

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Explains what the machine refuses while something of the run is written.

        Raises:
            RunError: of a full disk, or a directory that cannot be written: with the
                file, the reason, and how to go on.
        """
        begun = (self.path / "config.toml").exists()  # else there is nothing to resume
        path = shlex.quote(str(self.path))
        with explained_os_errors(f"cnnxfer resume {path}" if begun else ""):
            yield

    @contextmanager
    def updating(self) -> Iterator[None]:
        """Lets one process at a time change what several may: for moments only."""
        from filelock import FileLock  # slow to import

        with self.saving(), FileLock(self.path / ".updating.lock"):
            yield

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
        self._write_text(name, json_text(document, indent=2) + "\n")

    def _write_csv(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        text = io.StringIO()
        table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        self._write_text(name, text.getvalue())

    def _write_text(self, name: str, text: str) -> None:
        with self.saving():
            write_text(self.path / name, text)
