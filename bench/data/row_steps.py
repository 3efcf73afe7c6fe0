"""A step of the way of many made-up rows of an index, in a process of its own.

    python -m bench.data.row_steps STEP HASHES.npy NUMBER FOLDER

Makes rows of the first hashes, and prints the seconds of a processor that the step
takes, which other work on the machine changes little.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cnnxfer.data.annotation import Labels
from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.run_checks import quick_findings
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.prepared import data_hash
from cnnxfer.data.preparing.index_cache import IndexCache
from cnnxfer.data.preparing.near_duplicates import near_duplicates
from cnnxfer.data.preparing.splits import assign_splits
from cnnxfer.data.stamped_rows import Stamp
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run, SplitRow

CLASSES = 100
PER_SMALL_CLASS = 5  # where there are many classes


def made_up_rows(hashes: Path, number: int, classes: int = CLASSES) -> list[IndexRow]:
    """Returns rows as a first look at so many pictures would."""
    labels = [Labels((label,)) for label in range(classes)]
    return [
        IndexRow(
            Example(
                f"class{index % classes}/{index:07d}.jpg",
                labels[index % classes],
                None,
                Path(f"/photos/class{index % classes}/{index:07d}.jpg"),
                # As a hash, it has nothing to do with the order.
                sha256=f"{index * 0x9E3779B97F4A7C15 % 2**64:064x}",
            ),
            500,
            375,
            "JPEG",
            mode="RGB",
            phash=packed.tobytes().hex(),
        )
        for index, packed in enumerate(np.load(hashes, mmap_mode="r")[:number])
    ]


def _stamps(rows: Sequence[IndexRow]) -> list[Stamp | None]:
    return [(os.fspath(row.example.path), 0, None, 109_000, 0) for row in rows]


def write_index(rows: Sequence[IndexRow], folder: Path) -> None:
    """Writes the index into the cache."""
    stamps = _stamps(rows)
    cache = IndexCache(stamps, Reporter())
    cache.save(zip(rows, stamps, strict=True), Reporter())


def read_index(rows: Sequence[IndexRow], folder: Path) -> None:
    """Reads the index from the cache."""
    stamps = _stamps(rows)
    cache = IndexCache(stamps, Reporter())
    for row, stamp in zip(rows, stamps, strict=True):
        assert cache.row(row.example, stamp) == row


def search(rows: Sequence[IndexRow], folder: Path) -> None:
    """Searches near-duplicates."""
    near_duplicates(rows)


def split(rows: Sequence[IndexRow], folder: Path) -> None:
    """Divides the pictures."""
    assign_splits(rows, "75/15/10", shuffled=False, duplicates=[])


def check(rows: Sequence[IndexRow], folder: Path) -> None:
    """Runs all checks, of which `train` warns."""
    names = {label for row in rows for label in row.example.labels}
    data = InspectedData(
        tuple(f"class{label}" for label in sorted(names)), rows, ["train"] * len(rows)
    )
    quick_findings(data)


def write_and_read_split(rows: Sequence[IndexRow], folder: Path) -> None:
    """Writes the split file of a run, reads it and hashes what it lists."""
    run = Run(folder / "run")
    run.path.mkdir()
    run.write_classes([f"class{label}" for label in range(CLASSES)])
    run.write_split(
        SplitRow(row.example.id, f"class{row.example.label}", "train", row.sha256)
        for row in rows
    )
    data_hash(run.split)


def nothing(rows: Sequence[IndexRow], folder: Path) -> None:
    """Does nothing: what the rows themselves take."""


WRITE, READ = "writing the index", "reading the index"  # which needs the first
STEPS: dict[str, Callable[[Sequence[IndexRow], Path], None]] = {
    "the rows alone": nothing,
    WRITE: write_index,
    READ: read_index,
    "near-duplicates": search,
    "splits": split,
    "splits, classes of 5": split,
    "checks": check,
    "checks, classes of 5": check,
    "the split file": write_and_read_split,
}


def main() -> None:
    """Does the step that the arguments name."""
    step, hashes, number, folder = sys.argv[1:]
    count = int(number)
    few = step.endswith("classes of 5")
    classes = max(1, count // PER_SMALL_CLASS) if few else CLASSES
    rows = made_up_rows(Path(hashes), count, classes)
    started = time.process_time()
    STEPS[step](rows, Path(folder))
    print(time.process_time() - started)


if __name__ == "__main__":
    main()
