"""How the search for near-duplicates grows with the number of images.

The images are made up of perceptual hashes: each mixes the frequencies of a photograph
with as strong ones by chance, so that about as many pairs as among photographs have to
be compared in full. A tenth differ from another one by no more than photographs that
were cropped or recompressed. Each number is searched in a process of its own, which
holds the rows of an index, as commands do; their memory is told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.lib.photographs import find_photographs
from bench.lib.processes import run_process
from bench.lib.results import Cell, Table, show
from cnnxfer.data.images.perceptual_hash import (
    LEVELS,
    perceptual_hash,
    read_hashes,
    sample_pixels,
)
from cnnxfer.data.images.picture import Picture

MAX_PHOTOGRAPH_SHARE = 0.72  # less than near-duplicates have in common
COPIES = 10  # every tenth image
BATCH = 1_000  # so that this process stays smaller than those it measures
# Makes the rows of an index, and searches as many as are asked for.
SEARCH = """
import json, sys, time
from pathlib import Path
import numpy as np
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.preparing.near_duplicates import near_duplicates
def row(number, packed):
    example = Example("", Labels((0,)), None, Path(), sha256=f"{number:064x}")
    return IndexRow(example, phash=packed.tobytes().hex())
rows = [row(*each) for each in enumerate(np.load(sys.argv[1], mmap_mode="r"))]
started = time.perf_counter()
groups = near_duplicates(rows[: int(sys.argv[2])])
print(json.dumps([len(groups), time.perf_counter() - started]))
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument(
        "--images",
        type=int,
        nargs="+",
        default=(1_000, 10_000, 100_000),
        metavar="N",
        help="of each search; by default 1,000, 10,000 and 100,000",
    )


def measure(options: argparse.Namespace) -> Table:
    """Searches each number of images."""
    table: list[list[Cell]] = []
    with TemporaryDirectory() as name:
        path = Path(name) / "hashes.npy"
        photographs = photograph_frequencies(Path(name) / "originals")
        for images in options.images:
            np.save(path, made_up_hashes(photographs, images))
            command = [sys.executable, "-c", SEARCH, os.fspath(path)]
            rows_alone = run_process([*command, "0"]).peak_mb
            process = run_process([*command, str(images)])
            groups, seconds = json.loads(process.output)
            table.append([images, seconds, process.peak_mb, rows_alone, groups])
            show("growth", images=images, seconds=seconds, peak_mb=process.peak_mb)
    return Table(
        "Searching near-duplicates, by number of images",
        ("images", "s", "peak MB", "of which without the search", "groups found"),
        table,
    )


def photograph_frequencies(folder: Path) -> np.ndarray:
    """Returns the frequencies of photographs, float64 `(photographs, frequencies)`."""
    pictures = [Picture(path.read_bytes()) for path in find_photographs(folder)]
    hashes = [perceptual_hash(sample_pixels(picture)) for picture in pictures]
    roots = read_hashes([text for text in hashes if text])
    return roots.reshape(len(roots), -1).astype(np.float64)


def made_up_hashes(photographs: np.ndarray, images: int) -> np.ndarray:
    """Returns the packed digits of hashes, uint8 `(images, bytes)`."""
    rng = np.random.default_rng(0)
    packed = np.empty((images, photographs.shape[1] // 2), np.uint8)
    for start in range(0, images, BATCH):
        count = min(BATCH, images - start)
        chosen = photographs[rng.integers(len(photographs), size=count)]
        share = rng.uniform(0, MAX_PHOTOGRAPH_SHARE, (count, 1))
        roots = _mixed(rng, photographs, chosen, share)
        copies = roots[::COPIES]
        originals = roots[rng.integers(count, size=len(copies))]
        share = rng.uniform(0.65, 1, (len(copies), 1))
        roots[::COPIES] = _mixed(rng, photographs, originals, share)
        digits = np.rint(roots * (LEVELS / np.abs(roots).max(1, keepdims=True)))
        ones, others = (digits + LEVELS + 1).astype(np.uint8).reshape(-1, 2).T
        packed[start : start + count] = (ones << 4 | others).reshape(count, -1)
    return packed


def _mixed(
    rng: np.random.Generator,
    photographs: np.ndarray,
    roots: np.ndarray,
    share: np.ndarray,
) -> np.ndarray:
    """Returns frequencies of which a share is given, and the others are by chance."""
    strengths = np.sqrt((photographs**2).mean(axis=0))
    chance = rng.normal(size=roots.shape) * strengths
    mixed: np.ndarray = np.sqrt(share) * roots + np.sqrt(1 - share) * chance
    return mixed
