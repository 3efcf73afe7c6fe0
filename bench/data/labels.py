"""How many wrong labels `cnnxfer check --labels` finds, and what that is worth.

Gives 5% of the training images of a set another label, at random. Counts how many of
these are among the 5% of the training images that are suspected most, and among those
that are listed to leave out. Trains a head on the wrong labels, without the listed
images, and on the right labels; each is measured on the test images, whose labels stay.
cleanlab ranks by the same probabilities, if it can be imported.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import cnnxfer
from bench.lib.options import add_seeds
from bench.lib.results import Cell, Table, show
from bench.lib.shared import shared_data
from cnnxfer.config import Config, load_task_config
from cnnxfer.data.dataset import CLASSIFICATION, TRAIN
from cnnxfer.data.prepared import PreparedData, prepare_data
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.preparing.near_duplicates import near_duplicates
from cnnxfer.data.sources import list_dataset
from cnnxfer.evaluation.cross_validation import out_of_sample_probabilities
from cnnxfer.evaluation.suspected_images import pooled_features, suspected_images
from cnnxfer.reporting import Reporter

SETS = ("flowers12", "tf_flowers")
SHARE = 0.05  # of the training labels


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_seeds(parser)
    parser.add_argument(
        "--sets", nargs="+", choices=SETS, default=SETS, help="by default both"
    )


def measure(options: argparse.Namespace) -> Table:
    """Plants, looks for and leaves out wrong labels, with each set and seed."""
    rows = []
    for name in options.sets:
        with TemporaryDirectory() as folder:
            os.environ["CNNXFER_CACHE"] = str(Path(folder) / "cache")
            for seed in options.seeds:
                rows.append([name, seed, *_row(name, seed, Path(folder))])
                show(name, **dict(zip(COLUMNS[1:], rows[-1][1:], strict=True)))
    return Table(
        "Planted wrong labels that `cnnxfer check --labels` finds",
        COLUMNS,
        rows,
        [
            "5% of the labels of the training split are planted. The most suspected 5% "
            "are of the training images; listed are those that `--write` lists. "
            "Figures of test are accuracies of a linear head on EfficientNet-Lite0.",
            "cleanlab ranks by self-confidence, its best way here, and by the same "
            "probabilities.",
        ],
    )


COLUMNS = (
    *("data", "seed", "planted", "found among 5%", "by cleanlab", "listed"),
    *("found among listed", "test, wrong labels", "without listed", "right labels"),
)


def _row(name: str, seed: int, folder: Path) -> list[Cell]:
    spec = str(shared_data(name)) if name == "flowers12" else name
    right = prepare_data(list_dataset(spec, Reporter()), _config(spec), Reporter())
    paths = _write_images(right, folder / "images")
    labels = np.array([example.label for example in right.examples])
    random = np.random.default_rng(seed)
    training = np.flatnonzero([split == TRAIN for split in right.splits])
    count = round(SHARE * len(training))
    planted = random.choice(training, count, replace=False)
    wrong = labels.copy()
    shifts = random.integers(1, len(right.class_names), count)
    wrong[planted] = (wrong[planted] + shifts) % len(right.class_names)

    table = _write_table(folder / "wrong.csv", right, paths, wrong)
    ranking, listed, by_cleanlab = _suspects(table)
    names = {str(paths[index]) for index in planted}
    exclude = folder / "listed.txt"
    exclude.write_text("\n".join(listed))
    clean = _write_table(folder / "right.csv", right, paths, labels)
    return [
        count,
        len(names.intersection(ranking[:count])) / count,
        len(names.intersection(by_cleanlab[:count])) / count if by_cleanlab else "",
        len(listed),
        len(names.intersection(listed)) / count,
        _accuracy(table, seed, folder),
        _accuracy(table, seed, folder, exclude=exclude),
        _accuracy(clean, seed, folder),
    ]


def _write_images(data: PreparedData, folder: Path) -> list[Path]:
    """Writes images as files; copies, which may have other labels, one each."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, example in enumerate(data.examples):
        paths.append(folder / f"{number:05d}.jpg")
        if not paths[-1].exists():
            paths[-1].write_bytes(example.read())
    return paths


def _write_table(
    path: Path, data: PreparedData, images: Sequence[Path], labels: np.ndarray
) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "label", "split"])
        for image, label, split in zip(images, labels, data.splits, strict=True):
            writer.writerow([image, data.class_names[label], split])
    return path


def _suspects(table: Path) -> tuple[list[str], list[str], list[str]]:
    """Returns training images: ranked, listed to leave out, and ranked by cleanlab."""
    reporter = Reporter()
    config = _config(str(table))
    data = prepare_data(list_dataset(str(table), reporter), config, reporter)
    splits = data.by_split()
    examples = [*splits.train, *splits.validation, *splits.test]
    groups = near_duplicates(build_index(examples, reporter))
    suspects = suspected_images(config, data.class_names, splits, groups, reporter)
    ours = [suspect for suspect in suspects if suspect.split == TRAIN]
    ranking = [str(suspect.example.path) for suspect in ours]
    listed = [str(suspect.example.path) for suspect in ours if suspect.likely]
    if not find_spec("cleanlab"):
        return ranking, listed, []
    from cleanlab.rank import get_label_quality_scores

    labels = np.array([example.label for example in examples])
    features = pooled_features(config, data.class_names, splits, reporter)
    found = out_of_sample_probabilities(features, labels, groups, reporter)
    scores = get_label_quality_scores(labels, np.nan_to_num(found))
    order = np.argsort(scores[: len(splits.train)], kind="stable")
    return ranking, listed, [str(splits.train[index].path) for index in order]


def _config(spec: str) -> Config:
    given = {"data": spec, "task": CLASSIFICATION}
    return load_task_config(None, given, CLASSIFICATION)


def _accuracy(
    table: Path, seed: int, folder: Path, exclude: Path | None = None
) -> float:
    run = cnnxfer.train(
        table, runs_dir=folder / "runs", seed=seed, exclude=exclude, reporter=None
    )
    return cnnxfer.evaluate(run, reporter=None).figures.right.value
