"""Whether the peak of memory grows with the number of images.

Trains MobileNet 0.25 at 96 pixels, with random weights and an empty cache, on folders
of different numbers of small images, each time in a new process. No two files are the
same: each has a comment of its own, so none is taken for a copy.
"""

from __future__ import annotations

import argparse
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.lib.photographs import write_photographs
from bench.lib.results import Cell, Table, show
from bench.lib.trainings import Workplace

CLASSES = 5
SIZE = (160, 120)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument(
        "--images",
        type=int,
        nargs="+",
        default=(1_000, 20_000),
        metavar="N",
        help="of each training; by default 1,000 and 20,000",
    )


def measure(options: argparse.Namespace) -> Table:
    """Trains with each number of images."""
    rows: list[list[Cell]] = []
    for number in options.images:
        with TemporaryDirectory() as folder:
            place = Path(folder)
            _write_images(place / "images", number)
            arguments = ["--data", str(place / "images"), "--image-size", "96"]
            arguments += ["--backbone", "mobilenet-0.25", "--weights", "none"]
            process = Workplace(place).run("train", *arguments).process
        rows.append([number, process.peak_mb])
        show("memory", images=number, peak_mb=process.peak_mb)
    return Table(
        "Peak memory of `cnnxfer train`, by number of images", ("images", "MB"), rows
    )


def _write_images(folder: Path, number: int) -> None:
    originals = write_photographs(folder.with_name("originals"), 200, SIZE)
    contents = [path.read_bytes() for path in originals]
    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
    for i, content in enumerate(islice(cycle(contents), number)):
        path = folder / f"class{i % CLASSES}" / f"{i:05d}.jpg"
        path.write_bytes(_with_comment(content, str(i)))


def _with_comment(jpeg: bytes, text: str) -> bytes:
    """Adds a comment behind the marker that every JPEG begins with."""
    comment = text.encode()
    segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment
    return jpeg[:2] + segment + jpeg[2:]
