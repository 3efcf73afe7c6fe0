"""What one export costs, and how fast it answers; each in a process of its own."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.exporting.place import Place
from bench.lib.photographs import write_photographs
from bench.lib.processes import run_process
from bench.lib.results import Cell

STARTS = 3
COLUMNS = (
    "as in Keras, on up to 64 pictures",
    "largest difference",
    "MB",
    "writing, s",
    "peak MB",
    "cold start, s",
    "images/s",
)
NOTES = (
    "Each row comes from processes of its own. Writing is that of `cnnxfer export` "
    "without importing, checking or reading pictures; the peak is of the whole command "
    "with all processes below it, the comparison with Keras included.",
    f"A cold start is the Python of the export's README.md, without cnnxfer, from the "
    f"start of the process to the answer for one JPEG: the median of {STARTS}. For "
    "keras, cnnxfer's layers are imported before. Images a second are those of the "
    "format's own runtime on both cores, from pixels to outputs, in cnnxfer's batches.",
)
# A Keras file may name layers of cnnxfer, as its README says.
BEFORE = {"keras": "import cnnxfer.tasks.own_layers\n"}


@dataclass(frozen=True)
class Exported:
    """A folder that `cnnxfer export` has written.

    Attributes:
        folder: the folder.
        document: the JSON that the command has printed.
        peak_mb: the most memory that it and all below it held.
    """

    folder: Path
    document: dict[str, Any]
    peak_mb: float


def export(run: Path, form: str, precision: str, place: Place) -> Exported:
    """Exports a run.

    Raises:
        SystemExit: if that fails.
    """
    place.forget_conversions()
    command = [sys.executable, "-m", "cnnxfer", "export", str(run), "--format", form]
    command += ["--precision", precision, "--out", str(place.exports)]
    process = run_process([*command, "--json", "--quiet"])
    (document,) = json.loads(process.output)
    return Exported(Path(document["folder"]), document, process.peak_mb)


def measure_exports(
    table: str,
    names: Iterable[str],
    forms: Sequence[str],
    run_of: Callable[[str], Path],
    place: Place,
) -> list[list[Cell]]:
    """Returns a row for each run in each format: both names, and a cell for `COLUMNS`.

    Args:
        table: the name of the benchmark.
        names: what the runs are called in it.
        forms: the names of the formats.
        run_of: returns a run, trained if that was not done before.
        place: where runs, exports and rows are kept.
    """

    def row(name: str, form: str) -> list[Cell]:
        return place.row(
            table, (name, form), lambda: measure_export(run_of(name), form, place)
        )

    return [row(name, form) for name in names for form in forms]


def measure_export(run: Path, form: str, place: Place) -> list[Cell]:
    """Returns a cell for each of `COLUMNS`; the first says why where there is none."""
    try:
        exported = export(run, form, "float32", place)
        document, folder = exported.document, exported.folder
        return [
            figures_of(document),
            document["parity"]["difference"],
            document["bytes"] / 1e6,
            document["seconds"],
            round(exported.peak_mb),
            _cold_start(folder, form),
            _images_per_second(folder),
        ]
    except SystemExit as error:
        *_, reason = str(error).strip().splitlines()
        return [f"none: {reason}", *["-"] * (len(COLUMNS) - 1)]


def figures_of(document: dict[str, Any]) -> str:
    """Returns how an export's answers compare with Keras's.

    The bounds are left out, and the largest difference, which has a column of its own.
    """
    found = document["parity"]["figures"]
    found = re.sub(r" \(at (most|least) [^)]*\)", "", found)
    return re.sub(r"^a probability differs by [\d.]+, ", "", found)


def _cold_start(folder: Path, form: str) -> float:
    (picture,) = write_photographs(folder / "photographs", 1)
    shutil.move(picture, folder / "picture.jpg")
    page = (folder / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    enter = f"import os\nos.chdir({str(folder)!r})\n"
    code = "\n".join([enter, BEFORE.get(form, ""), *blocks])
    command = [sys.executable, "-c", code]
    return median(run_process(command).wall_seconds for _ in range(STARTS))


def _images_per_second(folder: Path) -> float:
    command = [sys.executable, "-m", "bench.exporting.rate", str(folder)]
    return float(run_process(command).output)
