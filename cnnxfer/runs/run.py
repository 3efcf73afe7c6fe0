"""A run directory and its files; no other module knows their names."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config, Phase, load_all_settings
from cnnxfer.errors import ConfigError, RunError, reason_of
from cnnxfer.files import (
    TEMPORARY,
    atomic_path,
    explained_os_errors,
    file_hash,
    json_text,
    read_file,
    read_json,
    write_text,
)
from cnnxfer.records import Record
from cnnxfer.runs.contents import Calibration, Fraction, Metrics, Receipt
from cnnxfer.spelling import command
from cnnxfer.trust import KEPT, KEPT_DIRECTORY

if TYPE_CHECKING:
    import numpy as np

SPLITS = ("train", "validation", "test")
# How labels begin that are JSON and tell where in an image something is.
PLACES = "[["
NOTE = "note.txt"
ORIGIN = ("receipt.json", "classes.json")  # either tells a run from other directories
# What is fitted on the validation images, and decides on answers.
FITTED = ("thresholds.json", "temperature.json")
# What the model answers to the validation images, in so many numbers at most.
KEPT_LOGITS, MOST_KEPT = "checkpoints/answers.npy", 10**6
# What the model answers to the images of a formula; see `engines.known_answers`.
KNOWN_ANSWERS = "checkpoints/known_answers.npz"
MOST_KNOWN_BYTES = 4 * MOST_KEPT + 10_000  # of the unpacked file, headers included
UNREADABLE_ARRAYS = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    BadZipFile,
    ZlibError,
)
PUT_BACK = "Put back the file as it was, or train a new run."


@dataclass(frozen=True)
class SplitRow:
    """An image of a run, as `split.csv` lists it.

    Attributes:
        id: the id of the image in its data set.
        label: the name of its class; if images may have several labels, the names of
            all its classes, separated by `|`; of boxes and masks, what their
            `Annotation.text` says.
        split: `train`, `validation` or `test`.
        sha256: the SHA-256 of the image file, in hexadecimal.
    """

    id: str
    label: str
    split: str
    sha256: str


@dataclass(frozen=True)
class Run:
    """A run directory; all files in it are written atomically.

    Attributes:
        path: the path of the directory.
    """

    path: Path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.path == other.path

    @property
    def name(self) -> str:
        """The name of the directory: by default that of the data, and a number."""
        return self.path.name

    @property
    def model_path(self) -> Path:
        """The path of the model; the file does not exist before the first epoch ends.

        The model takes RGB pixels in [0, 255] of an image's central square, whose side
        is `config.central_crop` of the shorter side, and returns logits.
        """
        return self.path / "model.keras"

    def report_path(self, other: Run | None = None) -> Path:
        """Returns the path of the page about the run, or about it and another one."""
        return self.path / (f"report-{other.name}.html" if other else "report.html")

    @property
    def checkpoints_dir(self) -> Path:
        """The directory of the checkpoints from which `resume` goes on."""
        return self.path / "checkpoints"

    @property
    def log_path(self) -> Path:
        """The path of the file with all messages of training, also those not shown."""
        return self.path / "log.txt"

    @property
    def tensorboard_dir(self) -> Path:
        """The directory of the files that TensorBoard reads, if they are asked for."""
        return self.path / "tensorboard"

    @property
    def decisive_paths(self) -> list[Path]:
        """The directory, and what in it decides on answers and on further training."""
        names = ("config.toml", "classes.json", *FITTED, "receipt.json")
        files = [self.path / name for name in names]
        return [self.path, *files, self.model_path, self.checkpoints_dir]

    @property
    def files_of_training(self) -> list[Path]:
        """The files that exist of those that its training goes on from."""
        names = ("config.toml", "classes.json", "split.csv", "receipt.json", *FITTED)
        files = [self.path / name for name in (*names, "metrics.json", "history.csv")]
        kept = sorted(self.checkpoints_dir.glob("[!.]*"))
        return [path for path in (*files, self.model_path, *kept) if path.is_file()]

    @property
    def is_recognizable(self) -> bool:
        """Whether the directory has a file that runs begin with, damaged or not."""
        return any((self.path / name).is_file() for name in ORIGIN)

    @property
    def config(self) -> Config:
        """All settings of the run."""
        return load_all_settings(self._existing("config.toml"))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in label order."""
        names = self._read_json("classes.json", list[str])
        if not names or len(set(names)) < len(names):
            what = "names a class twice" if names else "names no class"
            raise self._damaged("classes.json", what)
        return tuple(names)

    @property
    def image_size(self) -> int:
        """The side of the images that the model takes, in pixels."""
        config = self.config
        try:
            return BACKBONES.get(config.backbone).input_size(config.image_size)
        except ConfigError as error:
            raise self._damaged("config.toml", f"cannot be used: {error}") from error

    @property
    def split(self) -> list[SplitRow]:
        """The images on which the run is trained, validated and tested."""
        rows = [
            SplitRow(row["id"], row["label"], row["split"], row["sha256"])
            for row in self._read_csv("split.csv", "id", "label", "split", "sha256")
        ]
        known = {*self.class_names, ""}
        for row in rows:
            if row.split not in SPLITS:
                unknown = f"the split {row.split!r}; expected {', '.join(SPLITS)}"
                raise self._damaged("split.csv", f"has {unknown}")
            # A class's name may have a separator in it if images have one label each.
            # What boxes and masks show is checked where it is read.
            if row.label.startswith(PLACES):
                continue
            if row.label not in known and not known.issuperset(row.label.split("|")):
                unknown = f"the label {row.label!r}, which is not in classes.json"
                raise self._damaged("split.csv", f"has {unknown}")
        return rows

    @property
    def thresholds(self) -> dict[str, float]:
        """The probability from which an image counts as showing a class, by class name.

        Empty for a run whose task has none, and before the first epoch ends.
        """
        path = self.path / "thresholds.json"
        if not path.exists():
            return {}
        thresholds = self._read_json("thresholds.json", dict[str, Fraction])
        if set(thresholds) != set(self.class_names):
            other = "has other classes than classes.json"
            raise self._damaged("thresholds.json", other)
        return thresholds

    @property
    def temperature(self) -> float | None:
        """What logits are divided by before they become probabilities.

        None if they are not divided: the validation images didn't tell by what, the
        task has none, or the run was trained before there were temperatures.
        """
        name = "temperature.json"
        if not (self.path / name).exists():
            return None
        return self._read_json(name, Calibration)["temperature"]

    @property
    def answering_files(self) -> tuple[Path, ...]:
        """The files whose content its answers follow from, as far as they exist."""
        paths = [self.path / name for name in ("classes.json", *FITTED)]
        return (self.model_path, *(path for path in paths if path.exists()))

    @property
    def note(self) -> str:
        """What somebody has noted about the run; "" for nothing."""
        path = self.path / NOTE
        # Somebody's editor may have another encoding.
        text = read_file(path).decode("utf-8", "replace") if path.is_file() else ""
        return text.rstrip("\n")

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`; empty before the first epoch ends."""
        path = self.path / "metrics.json"
        return dict(self._read_json("metrics.json", Metrics)) if path.exists() else {}

    @property
    def receipt(self) -> dict[str, Any]:
        """The origin of the run: command, versions, hashes, parent and times."""
        return dict(self._read_json("receipt.json", Receipt))

    @property
    def parent(self) -> Self | None:
        """The run from which this one was fine-tuned; None for a frozen phase."""
        parent = self.receipt.get("parent")
        if not parent:
            return None
        if Path(parent).name != parent or parent == "..":
            other = f"names the parent {parent!r}; expected the name of a run beside it"
            raise self._damaged("receipt.json", other)
        return type(self)(self.path.parent / parent)

    def require_parent(self) -> Self:
        """Returns the run from which this one was fine-tuned.

        Raises:
            RunError: if the receipt names none.
        """
        parent = self.parent
        if not parent:
            none = f"names no parent for the phase {self.phase}"
            raise self._damaged("receipt.json", none)
        return parent

    @property
    def more_epochs(self) -> int:
        """The number of epochs that `resume` added to those of the settings."""
        return int(self.receipt.get("more_epochs", 0))

    @property
    def phase(self) -> str:
        """The name of the run's phase, as its settings and metrics are called, too."""
        phase = self.receipt.get("phase")
        if not isinstance(phase, str):
            raise RunError(
                f"{self.path / 'receipt.json'} names no phase, so another version of "
                "cnnxfer wrote it. Train a new run."
            )
        if not isinstance(getattr(Config(), phase, None), Phase):
            other = f"names the phase {phase!r}, which this version does not have"
            raise self._damaged("receipt.json", other)
        return phase

    @property
    def state(self) -> dict[str, Any]:
        """What `resume` needs besides a checkpoint; empty before the phase begins."""
        name = "checkpoints/state.json"
        exists = (self.path / name).exists()
        return self._read_json(name, dict[str, Any]) if exists else {}

    @property
    def history(self) -> list[dict[str, str | float | None]]:
        """One row for each epoch, in the order of training.

        `phase` is a text and `epoch` an int; all other figures are floats, or None
        where the run has none.
        """
        rows = self._history_texts()
        try:
            return [
                {name: _cell(name, text) for name, text in row.items()} for row in rows
            ]
        except ValueError as error:
            found = f"holds what is not a number: {error}"
            raise self._damaged("history.csv", found) from error

    def write_config(self, config: Config) -> None:
        """Writes all settings as TOML."""
        self._write_text("config.toml", config.to_toml())

    def write_classes(self, class_names: Sequence[str]) -> None:
        """Writes the names of the classes, in label order."""
        self._write_json("classes.json", list(class_names))

    def write_split(self, rows: Iterable[SplitRow]) -> None:
        """Writes the images of the run, each with its split."""
        self._write_csv("split.csv", [asdict(row) for row in rows])

    def write_fitted(
        self, thresholds: Mapping[str, float], temperature: float | None = None
    ) -> None:
        """Writes what was fitted on the validation images, with the model.

        Args:
            thresholds: the probability from which an image shows a class, by the name
                of the class; empty if the task has none.
            temperature: what logits are divided by; None if they are not.
        """
        if thresholds:
            self._write_json("thresholds.json", dict(thresholds))
        if temperature:
            self._write_json("temperature.json", {"temperature": temperature})
        else:
            with self.saving():  # that of the model before
                (self.path / "temperature.json").unlink(missing_ok=True)

    def write_note(self, text: str) -> None:
        """Notes something about the run in place of what was noted; "" for nothing.

        Raises:
            ConfigError: if the text has bytes that are no characters.
        """
        if text.encode(errors="ignore").decode() != text:
            raise ConfigError(f"the note {text!r} is not a text in UTF-8.")
        if text:
            self._write_text(NOTE, text + "\n")
        else:
            with self.saving():
                (self.path / NOTE).unlink(missing_ok=True)

    def update_metrics(self, **values: Any) -> None:
        """Sets some entries of the metrics and keeps the others; None removes an entry.

        Several processes may do so at the same time.
        """
        with self.updating():
            metrics = {**self.metrics, **values}
            present = {
                name: value for name, value in metrics.items() if value is not None
            }
            self._write_json("metrics.json", present)

    def write_state(self, state: Mapping[str, Any]) -> None:
        """Writes what `resume` needs besides a checkpoint."""
        with self.saving():
            self.checkpoints_dir.mkdir(mode=KEPT_DIRECTORY, exist_ok=True)
        self._write_json("checkpoints/state.json", dict(state))

    def keep_logits(self, logits: np.ndarray) -> None:
        """Keeps what the model answers to the validation images, if that is little.

        Args:
            logits: float32 `(images, ...)`.
        """
        import numpy as np

        if logits.size > MOST_KEPT:
            return
        path = self.path / KEPT_LOGITS
        with self.saving():
            path.parent.mkdir(mode=KEPT_DIRECTORY, exist_ok=True)
            with atomic_path(path, KEPT) as temporary, temporary.open("wb") as stream:
                np.save(stream, logits, allow_pickle=False)

    def kept_logits(self) -> np.ndarray | None:
        """Returns what `keep_logits` has kept; None if there is nothing."""
        import numpy as np

        try:
            logits: np.ndarray = np.load(self.path / KEPT_LOGITS, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return logits if logits.dtype == np.float32 else None

    def keep_known_answers(self, answers: np.ndarray) -> None:
        """Keeps what Keras answers to `formula_images` with the model, if not much.

        Args:
            answers: float32 `(images, ...)`.
        """
        import numpy as np

        if answers.size > MOST_KEPT:
            return
        path = self.path / KNOWN_ANSWERS
        digest = file_hash(self.model_path)
        with self.saving():
            path.parent.mkdir(mode=KEPT_DIRECTORY, exist_ok=True)
            with atomic_path(path, KEPT) as temporary, temporary.open("wb") as stream:
                np.savez(stream, allow_pickle=False, answers=answers, model=digest)

    def known_answers(self, digest: str) -> np.ndarray | None:
        """Returns what `keep_known_answers` has kept; None if there is nothing.

        Args:
            digest: the SHA-256 of the model, in hexadecimal. What another file has
                answered does not count.
        """
        import numpy as np

        path = self.path / KNOWN_ANSWERS
        try:
            with ZipFile(path) as members:
                size_bytes = sum(member.file_size for member in members.infolist())
            if size_bytes > MOST_KNOWN_BYTES:
                return None
            with np.load(path, allow_pickle=False) as kept:
                answers: np.ndarray = kept["answers"]
                is_of_model = np.array_equal(kept["model"], digest)
        except UNREADABLE_ARRAYS:  # a run may come from anywhere
            return None
        return answers if is_of_model and answers.dtype == np.float32 else None

    def update_receipt(self, **values: Any) -> None:
        """Sets some entries of the receipt and keeps the others."""
        path = self.path / "receipt.json"
        self._write_json(
            "receipt.json", {**(self.receipt if path.exists() else {}), **values}
        )

    def add_history(self, *rows: dict[str, Any]) -> None:
        """Adds epochs to the history, in place of the first of these and later ones.

        Args:
            *rows: the columns of each epoch, in order, among them `phase` and `epoch`.
        """
        first = rows[0]
        earlier: list[dict[str, Any]] = [
            text
            for text, other in zip(self._history_texts(), self.history, strict=True)
            if other["phase"] != first["phase"] or other["epoch"] < first["epoch"]
        ]
        self._write_csv("history.csv", [*earlier, *rows])

    def copy_model(self, other: Run) -> None:
        """Copies the model of another run, and what was fitted for it."""
        source = other.require_model()
        with self.saving(), atomic_path(self.model_path, KEPT) as temporary:
            shutil.copyfile(source, temporary)
        self.write_fitted(other.thresholds, other.temperature)
        answers = other.known_answers(file_hash(self.model_path))
        if answers is not None:
            self.keep_known_answers(answers)

    def discard_training(self) -> None:
        """Removes all that training has written, so that the phase begins again."""
        discarded = self.path / f"{TEMPORARY}checkpoints"
        shutil.rmtree(discarded, ignore_errors=True)
        with self.saving(), suppress(FileNotFoundError):
            self.checkpoints_dir.replace(discarded)  # all at once
        shutil.rmtree(discarded, ignore_errors=True)
        for name in ("model.keras", *FITTED, "history.csv", "metrics.json"):
            (self.path / name).unlink(missing_ok=True)

    def require_model(self) -> Path:
        """Returns the path of the model.

        Raises:
            RunError: if the run has no model yet, or no longer exists.
        """
        if not self.path.is_dir():
            raise RunError(f"the run {self.path} is gone. Put it back.")
        if not self.model_path.exists():
            raise RunError(
                f"{self.path} has no trained model yet. "
                f"Go on with: {command('resume', self.path)}"
            )
        return self._existing("model.keras")

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Turns failed writes inside the block into errors that say how to go on.

        Raises:
            RunError: if the disk is full or the directory cannot be written. The
                message has the file, the reason and the next command.
        """
        can_resume = (self.path / "config.toml").exists()
        with explained_os_errors(command("resume", self.path) if can_resume else ""):
            yield

    @contextmanager
    def updating(self) -> Iterator[None]:
        """Locks, for a moment, the files that several processes may change."""
        from filelock import FileLock  # slow to import

        with self.saving(), FileLock(self.path / ".updating.lock"):
            yield

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if not path.exists():
            raise RunError(f"{self.path} is not a complete run: it has no {name}.")
        if not path.is_file():
            raise self._damaged(name, "is not a regular file")
        return path

    def _read(self, name: str) -> str:
        """Returns a text, whose line ends are those of the file."""
        try:
            return read_file(self._existing(name)).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(name, error) from error

    def _read_json(self, name: str, kind: type[Record]) -> Record:
        try:
            return read_json(self._existing(name), kind)
        except (OSError, ValueError) as error:
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: str, error: OSError | ValueError) -> RunError:
        if isinstance(error, OSError):
            return self._damaged(name, f"cannot be read: {reason_of(error)}")
        if isinstance(error, UnicodeDecodeError):
            return self._damaged(name, "is not a text in UTF-8")
        return self._damaged(name, f"is damaged: {error}")

    def _damaged(self, name: str, what: str) -> RunError:
        return RunError(f"{self.path / name} {what}. {PUT_BACK}")

    def _history_texts(self) -> list[dict[str, str]]:
        path = self.path / "history.csv"
        return self._read_csv("history.csv", "phase", "epoch") if path.exists() else []

    def _read_csv(self, name: str, *columns: str) -> list[dict[str, str]]:
        table = csv.DictReader(io.StringIO(self._read(name)), restval="")
        try:
            rows, found = list(table), table.fieldnames or ()
        except csv.Error as error:
            raise self._damaged(name, f"is damaged: {error}") from error
        if not set(columns) <= set(found):
            expected = f"is damaged: expected the columns {', '.join(columns)}"
            raise self._damaged(name, expected)
        # Cells beyond the last column have no name.
        if wide := next((n for n, row in enumerate(rows, 1) if None in row), None):
            raise self._damaged(name, f"is damaged: row {wide} has too many cells")
        return rows

    def _write_json(self, name: str, document: Any) -> None:
        self._write_text(name, json_text(document, indent=2) + "\n")

    def _write_csv(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        lines = _Lines()
        table = csv.DictWriter(lines, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
        self._write_text(name, "".join(lines))

    def _write_text(self, name: str, text: str) -> None:
        with self.saving():
            write_text(self.path / name, text, KEPT)


class _Lines(list[str]):
    """Lines of CSV; it quotes names with CR or LF, since lines would end in both."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def _cell(column: str, text: str) -> str | float | None:
    if column == "phase":
        return text
    if column == "epoch":
        return int(text)
    return float(text) if text else None
