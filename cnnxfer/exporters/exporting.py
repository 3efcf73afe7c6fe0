"""Exports a model: writes it, runs it in its own runtime, compares it with Keras."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.spread import spread
from cnnxfer.engines.calibration import PICTURES as CALIBRATION_PICTURES
from cnnxfer.engines.exported.manifest import MANIFEST, Manifest, Precision, files_of
from cnnxfer.engines.keras_engine import KerasEngine, plain_engine
from cnnxfer.engines.trial import answer_all
from cnnxfer.errors import ConfigError, RunError, first_line
from cnnxfer.exporters.formats import INPUT, OUTPUT, Format, Target, require_new
from cnnxfer.exporters.network_files import NetworkFiles
from cnnxfer.exporters.parity import PICTURES, Parity, compare
from cnnxfer.exporters.readme import readme
from cnnxfer.files import TEMPORARY, flush, json_text
from cnnxfer.networks.classifier import all_layers
from cnnxfer.networks.description import RESAMPLING
from cnnxfer.prediction.model_source import ModelSource, exported_network
from cnnxfer.prediction.pictures import Pictures, read_pictures
from cnnxfer.registry import load_object
from cnnxfer.reporting import Reporter, counted
from cnnxfer.spelling import option
from cnnxfer.version import __version__

# How lines begin that name operations, in errors of OpenVINO and of LiteRT's converter.
NAMING = ("-- ", "Custom ops: ", "Flex ops: ")


@dataclass(frozen=True)
class Export:
    """An exported network.

    Attributes:
        folder: where it is.
        format: its format.
        precision: what its weights are stored in.
        size_bytes: of all files of the network.
        seconds: how long writing took.
        parity: how its answers compare with those of Keras.
    """

    folder: Path
    format: str
    precision: str
    size_bytes: int
    seconds: float
    parity: Parity

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `export --json` prints."""
        return {
            "folder": str(self.folder),
            "format": self.format,
            "precision": self.precision,
            "bytes": self.size_bytes,
            "seconds": round(self.seconds, 3),
            "parity": self.parity.as_json(),
        }


@dataclass(eq=False)
class Exporter:
    """A model on its way to other runtimes.

    Attributes:
        model: the model.
        description: what it says of itself, for its Keras file.
        checking: pictures to compare answers on.
        training: pictures to calibrate int8 on, which the comparison must not see.
        labelled: whether the labels of the pictures are those of the classes.
        reporter: shows what is done.
    """

    model: ModelSource
    description: dict[str, object]
    checking: Sequence[Example]
    training: Sequence[Example]
    labelled: bool
    reporter: Reporter

    def __post_init__(self) -> None:
        self.network = self.model.network(self.reporter)
        self.files = NetworkFiles(self.network, self.reporter)
        self._compared: tuple[Pictures, np.ndarray] | None = None

    def export(self, form: Format, precision: Precision, folder: Path) -> Export:
        """Writes one format into a new folder; it appears there only if it agrees.

        Raises:
            ConfigError: if the folder exists.
            RunError: if the network cannot be written in this format, or the file does
                not answer as Keras does.
        """
        with _new_folder(folder) as place:
            started = time.perf_counter()
            self._write(form, precision, place)
            seconds = time.perf_counter() - started
            manifest = self._manifest(form, precision, place)
            parity = self._check(form, precision, place, manifest)
            manifest = replace(manifest, checked=parity.as_json())
            document = json_text(vars(manifest))
            (place / MANIFEST).write_text(document, encoding="utf-8")
            text = readme(form, manifest, parity)
            (place / "README.md").write_text(text, encoding="utf-8")
            sizes = [(place / name).stat().st_size for name in manifest.sha256]
        return Export(folder, form.name, precision, sum(sizes), seconds, parity)

    def _write(self, form: Format, precision: Precision, place: Path) -> None:
        target = Target(
            place / form.file, precision, self._calibration, self.description
        )
        write: Callable[[NetworkFiles, Target], None] = load_object(form.writer)
        try:
            write(self.files, target)
        except (ConfigError, RunError):
            raise
        except Exception as error:  # each library has kinds of its own
            raise RunError(
                f"{self.model.name} cannot be written as {form.name}: "
                f"{_reason(error)}. Try "
                f"another {option('--format')}; keras takes every network."
            ) from error

    def _calibration(self) -> np.ndarray:
        size = self.network.image_size
        chosen = spread(self.training, CALIBRATION_PICTURES)
        self.reporter.info(f"calibrating on {counted(len(chosen), 'training picture')}")
        return read_pictures(chosen, self.model, size, self.reporter).pixels

    def _check(
        self, form: Format, precision: Precision, place: Path, manifest: Manifest
    ) -> Parity:
        if self._compared is None:
            pictures = read_pictures(
                spread(self.checking, PICTURES),
                self.model,
                self.network.image_size,
                self.reporter,
            )
            if not len(pictures.pixels):
                raise RunError("no picture to compare answers on can be read.")
            engine = KerasEngine(self.files.keras_model)
            self._compared = pictures, answer_all(engine, pictures.pixels)
        pictures, reference = self._compared
        exported = exported_network(place, manifest)
        try:
            answers = answer_all(plain_engine(exported), pictures.pixels)
        except Exception as error:  # each runtime has kinds of its own
            raise RunError(
                f"{self.model.name} is written as {form.name} in {precision}, but its "
                f"runtime does not run it: {_reason(error.__cause__ or error)}. "
                f"Nothing was kept. Try another {option('--format')}."
            ) from error
        parity = compare(
            answers,
            reference,
            pictures,
            outputs=self.network.outputs,
            decision=self.model.decision,
            class_names=tuple(name for _, name in self.model.classes),
            precision=precision,
            labelled=self.labelled,
        )
        if not parity.passed:
            layers = all_layers(self.files.keras_model)
            kinds = sorted({type(layer).__name__ for layer in layers})
            raise RunError(
                f"{self.model.name} as {form.name} in {precision} does not answer as "
                f"Keras does on {parity.sentence}. Its layers are of the kinds "
                f"{', '.join(kinds)}. Nothing was kept. Try another "
                f"{option('--format')} or {option('--precision')}."
            )
        return parity

    def _manifest(self, form: Format, precision: Precision, place: Path) -> Manifest:
        run, outputs, task = self.model.run, self.network.outputs, self.model.task
        files = [path for path in place.rglob("*") if path.is_file()]
        names = [path.relative_to(place).as_posix() for path in files]
        return Manifest(
            version=__version__,
            name=self.model.name,
            backbone=self.model.backbone.name,
            format=form.name,
            precision=precision,
            file=form.file,
            sha256=files_of(place, names),
            input=INPUT,
            output=OUTPUT,
            image_size=self.network.image_size,
            fit=self.model.fit,
            fraction=self.model.fraction,
            resampling=RESAMPLING,
            classes=[list(pair) for pair in self.model.classes],
            answers={
                "task": task.name,
                "activation": outputs.activation,
                "activated": outputs.activated,
                "thresholds": run.thresholds if run else {},
                "temperature": run.temperature if run else None,
            },
            outputs=task.outputs,
            checked={},
        )


def _reason(error: BaseException) -> str:
    """Returns the line of a library's error that names an operation, or the first."""
    for line in map(str.strip, str(error).splitlines()):
        if line.startswith(NAMING):
            return line.removeprefix("-- ")
    return first_line(error)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yields a temporary folder, which becomes `folder` if the block succeeds.

    Raises:
        ConfigError: if it exists.
    """
    require_new(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Path(mkdtemp(prefix=TEMPORARY, dir=folder.parent))
    try:
        yield place
        for path in place.rglob("*"):
            if path.is_file():
                flush(path)
        place.chmod(0o755)
        place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
