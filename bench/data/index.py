"""How fast the images of a data set are read, beside what decoding alone takes.

Each round takes an empty cache: decoding alone on all cores, by Pillow at the scale
that the index takes, in processes of their own; the index, which also hashes and looks
at them; and the index again, of unchanged files. 20,000 photographs take 2 minutes a
round and 2 GB. They lie in 200 folders, and no two files are the same. Whether that is
a fast disk hardly matters, as files that were just written are in memory.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from PIL import Image

from bench.lib.options import add_rounds
from bench.lib.photographs import find_photographs
from bench.lib.processes import Finished, run_process
from bench.lib.results import Table, show
from cnnxfer.data.dataset import read_bytes
from cnnxfer.data.decoding.pool import WORKERS
from cnnxfer.data.images.boxes import reduction
from cnnxfer.data.images.perceptual_hash import SAMPLES

CLASSES, FOLDERS = 20, 10  # of each class
# Reads the index twice, the second time as the next command would.
INDEX = """
import json, sys, time
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import list_dataset
from cnnxfer.reporting import Reporter
examples = list_dataset(sys.argv[1], Reporter()).examples
started = time.perf_counter()
rows = build_index(examples, Reporter())
assert not any(row.problem for row in rows)
print(json.dumps([len(rows), time.perf_counter() - started]))
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument("--images", type=int, default=20_000, help="by default 20,000")
    add_rounds(parser, 3)


def measure(options: argparse.Namespace) -> Table:
    """Looks at the images twice a round; medians of the rounds."""
    with TemporaryDirectory() as name:
        paths = _write_images(Path(name), options.images)
        rounds = [_round(Path(name), paths) for _ in range(options.rounds)]
    return Table(
        "Looking at a data set: decoding, SHA-256, perceptual hash",
        (
            "images",
            "first look, images a second",
            "share of decoding alone",
            "second look, s",
            "share of the first look",
            "peak MB",
        ),
        [[len(paths), *(median(figures) for figures in zip(*rounds, strict=True))]],
        [f"Medians of {options.rounds} round(s)."],
    )


def _write_images(folder: Path, number: int) -> list[Path]:
    """Writes photographs into class folders, each with a few bytes of its own behind.

    Returns:
        Their paths.
    """
    contents = [path.read_bytes() for path in find_photographs(folder / "originals")]
    paths = []
    for i, content in enumerate(islice(cycle(contents), number)):
        place = folder / "images" / f"class{i % CLASSES}" / f"{i // CLASSES % FOLDERS}"
        place.mkdir(parents=True, exist_ok=True)
        paths.append(place / f"{i:06d}.jpg")
        paths[-1].write_bytes(content + i.to_bytes(4))
    return paths


def _round(folder: Path, paths: Sequence[Path]) -> tuple[float, ...]:
    """Measures with an empty cache; returns the cells behind the number of images."""
    with ProcessPoolExecutor(WORKERS) as processes:
        list(processes.map(_decode, paths[:100]))  # they start
        started = time.perf_counter()
        list(processes.map(_decode, paths, chunksize=64))
        decoding = time.perf_counter() - started
    with TemporaryDirectory() as cache:
        first, process = _index(folder, cache)
        second, _ = _index(folder, cache)
    show("index", decoding=decoding, first=first, second=second)
    return len(paths) / first, decoding / first, second, second / first, process.peak_mb


def _index(folder: Path, cache: str) -> tuple[float, Finished]:
    process = run_process(
        [sys.executable, "-c", INDEX, os.fspath(folder / "images")],
        {"CNNXFER_CACHE": cache},
    )
    _, seconds = json.loads(process.output)
    return seconds, process


def _decode(path: Path) -> None:
    image = Image.open(io.BytesIO(read_bytes(path)))
    scale = reduction((0, 0, *image.size), SAMPLES)
    image.draft(None, (image.width // scale, image.height // scale))
    image.load()
