"""Whether the same data gives the same split, pixels and head, wherever it is read.

    python scripts/bench/sameness.py --points 1
    python scripts/bench/sameness.py --out sameness.jsonl

Point by point, with how long it takes on two cores:

1  Hashes of the split and of the first 100 training batches, in two processes, with one
   thread and two, and of a folder whose files have other names: 3 minutes.
2  The index, the split and the trained head of TensorFlow Datasets, a folder and a CSV
   file: 3 minutes.

Both read tf_flowers; set TFDS_DATA_DIR to where it is prepared, or it is downloaded.
Where `CNNXFER_SHARED`, or the folder `shared` beside the repository, has it, that is
taken. Everything is written to temporary folders (TMPDIR), about 0.2 GB of them.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from options import describe_machine, options_parser
from photographs import shared_dir
from processes import run_process
from results import Results

from cnnxfer.data.dataset import Dataset
from cnnxfer.data.index import build_index
from cnnxfer.data.sources import load_dataset
from cnnxfer.reporting import Reporter

HASHES = Path(__file__).with_name("batch_hashes.py")
POINTS = (1, 2)
DATA = "tf_flowers"
LEVELS = ("textbook", "strong")
TRAIN = """import sys, cnnxfer
print(cnnxfer.train(data=sys.argv[1], runs_dir=sys.argv[2]).path)"""


def main() -> None:
    """Measures what the options ask for."""
    options = options_parser(__doc__, POINTS).parse_args()
    results = Results(options.out)
    results.add("machine", describe_machine())
    shared = shared_dir()
    if shared:
        os.environ.setdefault("TFDS_DATA_DIR", str(shared / "data" / "tfds"))
    if 1 in options.points:
        compare_processes(results)
    if 2 in options.points:
        compare_sources(results)


def compare_processes(results: Results) -> None:
    """Hashes the split and 100 training batches in several processes and places."""
    with TemporaryDirectory() as directory:
        place = Path(directory)
        dataset = load_dataset(DATA, Reporter())
        _write_folder(place / "flowers", dataset)
        _write_folder(place / "renamed", dataset, prefix="another-")
        rows = []
        for level in LEVELS:
            for name, folder, threads in (
                ("one process", "flowers", 2),
                ("another process", "flowers", 2),
                ("one thread", "flowers", 1),
                ("files and folder renamed", "renamed", 2),
            ):
                found = _hashes(place / folder, level, threads, place / "cache")
                rows.append({"level": level, "where": name, **found})
                results.add("hashes", rows[-1])
        results.table(
            f"1. {DATA} in folders: hashes of the split, and of the pixels and "
            "targets of the first 100 training batches.",
            rows,
        )


def compare_sources(results: Results) -> None:
    """Reads one set in three ways, and trains a head on each in a cache of its own."""
    with TemporaryDirectory() as directory:
        place = Path(directory)
        dataset = load_dataset(DATA, Reporter())
        _write_folder(place / "flowers", dataset)
        _write_table(place / "flowers.csv", place / "flowers")
        rows = []
        first: tuple[str, dict[str, np.ndarray]] | None = None
        for kind, spec in (
            ("TFDS", DATA),
            ("folder", str(place / "flowers")),
            ("CSV", str(place / "flowers.csv")),
        ):
            index = _index_hash(load_dataset(spec, Reporter()))
            split, weights = _train(spec, place / kind)
            first = first or (split, weights)
            rows.append(
                {
                    "source": kind,
                    "index": index,
                    "split": split,
                    "head differs by": _difference(weights, first[1]),
                }
            )
            results.add("sources", rows[-1])
        results.table(
            f"2. {DATA} in three ways: hashes of the index and of the split, and the "
            "largest difference of a weight of the trained head from the first one's.",
            rows,
        )


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
    command = [sys.executable, str(HASHES), str(folder), level, str(threads)]
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
    from cnnxfer.runs import Run
    from cnnxfer.training.model import load_model

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
    return {**os.environ, "CNNXFER_CACHE": str(cache)}


if __name__ == "__main__":
    main()
