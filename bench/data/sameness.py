"""Whether the same data gives the same split, pixels and head, wherever it is read.

Hashes of the split and of the first 100 training batches of tf_flowers: in two
processes, with one thread and two, and of a folder whose files have other names, at two
levels of augmentation. Then the index, the split and the trained head of TensorFlow
Datasets, a folder and a CSV file. Each half takes 3 minutes.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.lib.processes import run_process
from bench.lib.results import Cell, Table, show
from cnnxfer.data.dataset import Dataset
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import list_dataset
from cnnxfer.reporting import Reporter

DATA = "tf_flowers"
LEVELS = ("textbook", "strong")
PLACES = (  # folder, threads
    ("flowers", 2),  # twice: one process, another process
    ("flowers", 2),
    ("flowers", 1),
    ("renamed", 2),
)
TRAIN = """import sys, cnnxfer
print(cnnxfer.train(data=sys.argv[1], runs_dir=sys.argv[2]).path)"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument(
        "--levels",
        nargs="+",
        choices=LEVELS,
        default=LEVELS,
        metavar="LEVEL",
        help="of augmentation; by default textbook and strong",
    )


def measure(options: argparse.Namespace) -> Table:
    """Compares processes and places, and then sources; fails where they differ."""
    with TemporaryDirectory() as directory:
        place = Path(directory)
        dataset = list_dataset(DATA, Reporter())
        _write_folder(place / "flowers", dataset)
        _write_folder(place / "renamed", dataset, prefix="another-")
        _write_table(place / "flowers.csv", place / "flowers")
        rows = [_compare_places(place, level) for level in options.levels]
        rows += _compare_sources(place)
    return Table(
        "The same data is the same classifier",
        ("what", "result"),
        rows,
        passed=all(result in ("equal", 0.0) for _, result in rows),
    )


def _compare_places(place: Path, level: str) -> list[Cell]:
    hashes = [
        _hashes(place / folder, level, threads, place / "cache")
        for folder, threads in PLACES
    ]
    show(f"hashes, {level}", found=hashes)
    return [
        "hashes of the parts and of the first 100 training batches "
        f"(--augment {level}): two processes, one thread and two, other names",
        _equal(hashes),
    ]


def _compare_sources(place: Path) -> list[list[Cell]]:
    """Reads one set in three ways, and trains a head on each in a cache of its own."""
    specs = {
        "TFDS": DATA,
        "folder": str(place / "flowers"),
        "CSV": str(place / "flowers.csv"),
    }
    indexes = [_index_hash(list_dataset(spec, Reporter())) for spec in specs.values()]
    trained = [_train(spec, place / kind) for kind, spec in specs.items()]
    first = trained[0][1]
    sources = "from TensorFlow Datasets, a folder and a table"
    return [
        [f"index {sources}", _equal(indexes)],
        [f"parts {sources}", _equal([split for split, _ in trained])],
        [
            f"largest difference of a weight of the heads {sources}",
            max(_difference(weights, first) for _, weights in trained),
        ],
    ]


def _equal(hashes: Sequence[object]) -> str:
    return "equal" if all(each == hashes[0] for each in hashes) else "different"


def _write_folder(folder: Path, dataset: Dataset, prefix: str = "") -> None:
    for number, example in enumerate(dataset.examples):
        class_folder = folder / dataset.class_names[example.label]
        class_folder.mkdir(parents=True, exist_ok=True)
        # Renamed files come in another order, too.
        name = f"{-number % 9973:05d}" if prefix else f"{number:05d}"
        (class_folder / f"{prefix}{name}.jpg").write_bytes(example.read())


def _write_table(path: Path, folder: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["path", "label"])
        for image in sorted(folder.glob("*/*.jpg"), key=lambda image: image.name):
            relative = image.relative_to(path.parent).as_posix()
            table.writerow([relative, image.parent.name])


def _hashes(folder: Path, level: str, threads: int, cache: Path) -> dict[str, str]:
    command = [sys.executable, "-m", "bench.data.batch_hashes"]
    command += [str(folder), level, str(threads)]
    found: dict[str, str] = json.loads(run_process(command, _cached(cache)).output)
    return found


def _index_hash(dataset: Dataset) -> str:
    lines = sorted(
        f"{row.sha256} {dataset.class_names[row.example.label]} {row.width} "
        f"{row.height} {row.format} {row.mode} {row.phash} {row.problem}\n"
        for row in build_index(dataset.examples, Reporter())
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]


def _train(spec: str, place: Path) -> tuple[str, dict[str, np.ndarray]]:
    from cnnxfer.networks.saving import load_model
    from cnnxfer.runs import Run

    place.mkdir()
    command = [sys.executable, "-c", TRAIN, spec, str(place)]
    run = Run(Path(run_process(command, _cached(place / "cache")).output.strip()))
    lines = sorted(f"{row.sha256} {row.label} {row.split}" for row in run.split)
    split = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
    model = load_model(run.model_path)
    return split, {weight.path: np.asarray(weight) for weight in model.weights}


def _difference(
    weights: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]
) -> float:
    assert weights.keys() == others.keys()
    return max(float(np.abs(weights[name] - others[name]).max()) for name in weights)


def _cached(cache: Path) -> dict[str, str]:
    return {"CNNXFER_CACHE": str(cache)}
