"""What each command takes as a set of pictures grows: processor time and memory.

Small JPEGs that differ, cut at random out of photographs, in 20 class folders, and
MobileNet 0.25 at 96 pixels with ImageNet weights, which computes little: so what grows
with the number of pictures is seen rather than the network. Each command is a process
of its own, and they share a cache: what one has computed, the next one finds.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from bench.lib.photographs import find_photographs
from bench.lib.processes import run_process
from bench.lib.results import Cell, Table, show

CLASSES = 20
SIZE = (160, 120)
LEAST_SIDE = 0.4  # of a photograph's, that a picture shows
NETWORK = ("--backbone", "mobilenet-0.25", "--image-size", "96", "--epochs", "5")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument(
        "--images",
        type=int,
        nargs="+",
        default=(1_000, 10_000, 100_000),
        metavar="N",
        help="of each set; by default 1,000, 10,000 and 100,000",
    )


def measure(options: argparse.Namespace) -> Table:
    """Runs all commands on each number of pictures."""
    columns: list[list[Cell]] = []
    for number in options.images:
        with TemporaryDirectory() as name:
            folder = Path(name)
            _write_pictures(folder, number)
            columns.append(_cells(folder, number))
    names = [name for name, _ in _commands(Path())]
    return Table(
        "What commands take as a set grows: seconds of a processor, MB at the peak",
        ("command", *(f"{number:,} pictures" for number in options.images)),
        [list(row) for row in zip(names, *columns, strict=True)],
        [
            "Each once, one after the other with one cache. Seconds are those of all "
            "cores together, which other work on the machine changes little."
        ],
    )


def _commands(folder: Path) -> list[tuple[str, list[str]]]:
    pictures, runs = os.fspath(folder / "pictures"), os.fspath(folder / "runs")
    train = ["train", pictures, *NETWORK, "--runs-dir", runs]
    out = os.fspath(folder / "answers.jsonl")
    return [
        ("check: index, near-duplicates, findings", ["check", pictures]),
        ("check again: the index is kept", ["check", pictures]),
        ("train: features and head", train),
        ("train again: the head alone", [*train, "--lr", "0.02"]),
        ("predict", ["predict", pictures, "--runs-dir", runs, "--out", out]),
    ]


def _cells(folder: Path, number: int) -> list[Cell]:
    cells: list[Cell] = []
    environment = {"CNNXFER_CACHE": os.fspath(folder / "cache")}
    for name, arguments in _commands(folder):
        command = [sys.executable, "-m", "cnnxfer", *arguments]
        process = run_process(command, environment)
        seconds, peak_mb = process.cpu_seconds, process.peak_mb
        cells.append(f"{seconds:,.0f} s, {peak_mb:,.0f} MB")
        wall = process.wall_seconds
        show(name, images=number, seconds=seconds, wall=wall, peak_mb=peak_mb)
    return cells


def _write_pictures(folder: Path, number: int) -> None:
    rng = np.random.default_rng(0)
    photographs = [
        Image.open(path).convert("RGB") for path in find_photographs(folder / "shown")
    ]
    for label in range(CLASSES):
        (folder / "pictures" / f"class{label}").mkdir(parents=True)
    for index in range(number):
        photograph = photographs[index % len(photographs)]
        sides = np.array(photograph.size) * rng.uniform(LEAST_SIDE, 1, 2)
        start = (photograph.size - sides) * rng.uniform(0, 1, 2)
        picture = photograph.resize(SIZE, box=(*start, *(start + sides)))
        label = index % len(photographs) % CLASSES
        picture.save(folder / "pictures" / f"class{label}" / f"{index:06d}.jpg")
