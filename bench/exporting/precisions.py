"""Accuracy on test pictures, and size, of exports in smaller numbers.

EfficientNet-Lite0 is trained on tf_flowers and exported in each precision; `cnnxfer
evaluate` measures each file on the run's test images. Fails if int8 loses more than a
point, or is larger than 0.3 of float32.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from bench.exporting.measuring import export, figures_of
from bench.exporting.place import Place
from bench.lib.processes import run_process
from bench.lib.results import Cell, Table
from cnnxfer.data.dataset import TEST
from cnnxfer.data.run_images import find_images
from cnnxfer.reporting import SilentReporter
from cnnxfer.runs import Run

FORMATS = ("onnx", "openvino", "litert")
PRECISIONS = ("float32", "float16", "int8")
MOST_LOST, LARGEST_SHARE = 0.01, 0.3  # of int8


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds no option."""


def measure(options: argparse.Namespace) -> Table:
    """Exports the run in each format and precision, and evaluates what comes out."""
    place = Place()
    run = Run(place.flowers())
    test = _test_images(run, place.folder / "test")
    keras = _accuracy([str(run.path), "--engine", "keras"], test)
    rows: list[list[Cell]] = []
    kept = True
    for form in FORMATS:
        sizes: dict[str, float] = {}
        for precision in PRECISIONS:
            accuracy, size, seconds, peak, difference, figures = place.row(
                "precisions",
                (form, precision),
                lambda: _measure(run, form, precision, place, test),  # noqa: B023
            )[2:]
            assert isinstance(accuracy, float)
            assert isinstance(size, float)
            sizes[precision] = size
            share, gained = size / sizes["float32"], accuracy - keras
            if precision == "int8":
                kept = kept and gained >= -MOST_LOST and share <= LARGEST_SHARE
            row = [form, precision, f"{accuracy:.2%}", f"{100 * gained:+.2f}"]
            rows.append([*row, size, share, seconds, peak, difference, figures])
    return Table(
        "Exports in smaller numbers, EfficientNet-Lite0 on tf_flowers",
        (
            *("format", "precision", "accuracy on test", "points more than Keras"),
            *("MB", "share of float32", "writing, s", "peak MB"),
            *("largest difference", "as in Keras, on up to 64 pictures"),
        ),
        rows,
        [
            f"Keras in float32 has {keras:.2%} on the same "
            f"{len(list(test.glob('*/*')))} test images, which nothing was chosen or "
            "calibrated on. Int8 is calibrated on 300 training images.",
        ],
        passed=kept,
    )


def _measure(
    run: Run, form: str, precision: str, place: Place, test: Path
) -> list[Cell]:
    exported = export(run.path, form, precision, place)
    document = exported.document
    return [
        _accuracy(["--model", str(exported.folder)], test),
        document["bytes"] / 1e6,
        document["seconds"],
        round(exported.peak_mb),
        document["parity"]["difference"],
        figures_of(document),
    ]


def _accuracy(model: list[str], test: Path) -> float:
    command = [sys.executable, "-m", "cnnxfer", "evaluate", *model, "--data", str(test)]
    document = json.loads(run_process([*command, "--json", "--quiet"]).output)
    return float(document["top1"]["value"])


def _test_images(run: Run, folder: Path) -> Path:
    """Writes the run's test images into a folder for each class."""
    if not folder.exists():
        place = folder.with_name(f"{folder.name}-unfinished")
        shutil.rmtree(place, ignore_errors=True)
        found = find_images(
            run, run.config.data, SilentReporter(), retry="", parts=[TEST]
        )
        for row, example in zip(found.rows, found.splits.test, strict=True):
            path = place / row.label / f"{row.sha256}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(example.read())
        place.rename(folder)
    return folder
