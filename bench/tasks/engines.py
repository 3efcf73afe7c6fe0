"""Boxes by OpenVINO and by Keras: how fast, and how far apart.

One detector is trained on the raccoons of the shared folder, and answers all of their
pictures in whole processes: by Keras in float32, and by OpenVINO in each precision.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.lib.processes import Finished, run_process
from bench.lib.results import Cell, Table, show
from bench.lib.shared import shared_data
from bench.lib.trainings import Workplace
from bench.tasks.sets import SETS

ENGINES = (("keras", "float32"), ("openvino", "float32"), ("openvino", "bfloat16"))
SURE = 0.3  # objects of this score or more are compared
WITHIN_PIXELS = 1.0  # of the picture, for each edge

Objects = list[dict[str, Any]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument("--epochs", default="20", metavar="N", help="by default 20")


def measure(options: argparse.Namespace) -> Table:
    """Trains the detector, and compares the engines' answers with those of Keras."""
    raccoon = SETS[0]
    with TemporaryDirectory() as folder:
        data, place = raccoon.prepare(Path(folder)), Workplace(Path(folder))
        trained = place.run("train", str(data), "--epochs", options.epochs)
        pictures = shared_data("boxes/raccoon") / "images"
        run = str(trained.document["run"])
        found = {
            engine: _answers(run, pictures, Path(folder) / "cache", *engine)
            for engine in ENGINES
        }
    (reference, _), *_ = found.values()
    rows: list[list[Cell]] = []
    for (engine, precision), (objects, speed) in found.items():
        same, total = _agreement(objects, reference)
        show(f"{engine} {precision}", images_per_second=speed, same=same, of=total)
        share = f"{same / total:.1%} of {total}"
        rows.append([f"{engine}, {precision}", len(objects), round(speed, 1), share])
    return Table(
        "Engines that find objects, EfficientNet-Lite0 at 320 pixels",
        ("engine", "images", "images a second", "same objects, within 1 pixel"),
        rows,
        [
            "Images a second of the second command with the engine, all but its "
            "start; reading and decoding are in it. Objects with a score of at least "
            f"{SURE} are compared; the same ones are of the same class, and each edge "
            "lies within a pixel of the picture.",
        ],
    )


def _answers(
    run: str, pictures: Path, cache: Path, engine: str, precision: str
) -> tuple[list[Objects], float]:
    """Returns the objects of each picture, and how many pictures a second took."""

    def predict(inputs: Path) -> Finished:
        command = [sys.executable, "-m", "cnnxfer", "predict", str(inputs), "--quiet"]
        command += ["--model", run, "--engine", engine, "--precision", precision]
        command += ["--format", "jsonl", "--min-confidence", str(SURE)]
        return run_process(command, {"CNNXFER_CACHE": str(cache)})

    predict(pictures)  # which converts the network
    start = predict(min(pictures.iterdir())).wall_seconds
    whole = predict(pictures)
    lines = [json.loads(line) for line in whole.output.splitlines()]
    speed = (len(lines) - 1) / (whole.wall_seconds - start)
    return [line["objects"] for line in lines], speed


def _agreement(found: list[Objects], expected: list[Objects]) -> tuple[int, int]:
    """Returns how many objects are the same, and how many there are of `expected`."""
    same = total = 0
    for ours, theirs in zip(found, expected, strict=True):
        total += len(theirs)
        same += sum(any(_is_same(one, other) for one in ours) for other in theirs)
    return same, total


def _is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    edges = zip(one["box"], other["box"], strict=True)
    return one["label"] == other["label"] and all(
        abs(ours - theirs) <= WITHIN_PIXELS for ours, theirs in edges
    )
