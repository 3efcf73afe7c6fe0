"""Objects found by a classifier that slides, which has never seen a box.

In whole processes with an empty cache, it is trained on the raccoons of the shared
folder and on pictures without one, as folders of classes. `predict --dense --boxes`
makes boxes of its cells, which are measured on the set's own 40 test pictures by COCO's
figures. `tasks_accuracy` has a detector's, which learns the boxes of the same raccoons.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.lib.options import add_seeds
from bench.lib.results import Cell, Table, show
from bench.lib.shared import shared_data
from bench.lib.trainings import Workplace
from bench.tasks.sets import SETS
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.tasks.boxes.detection_figures import DetectionFigures, measure_detection

RACCOON, OTHER = "raccoon", "other"
OTHERS = ("imagenet100", "boxes/coco128/images/train2017")  # none shows a raccoon
LEAST_SCORE = "0.01"  # AP looks at unsure objects, too


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_seeds(parser)


def measure(options: argparse.Namespace) -> Table:
    """Trains a classifier with each seed, and measures its boxes."""
    rows: list[list[Cell]] = []
    for seed in options.seeds:
        with TemporaryDirectory() as folder:
            place = Workplace(Path(folder))
            train, test = _parts(SETS[0].prepare(place.folder))
            figures = _slide(place, train, test, str(seed))
        ap50, ap = figures.ap50.value, figures.ap.value
        show(f"seed {seed}", ap50=ap50, ap=ap)
        rows.append([seed, f"{ap50:.3f}", f"{ap:.3f}"])
    return Table(
        "Raccoons found by a classifier that slides, EfficientNet-Lite0 frozen",
        ("seed", "AP50", "AP"),
        rows,
        [
            f"It has learned from the raccoons' {len(train)} training pictures and 228 "
            f"of other things, without boxes; measured on {len(test)} test pictures.",
        ],
    )


def _slide(
    place: Workplace, train: list[Path], test: dict[Path, Objects], seed: str
) -> DetectionFigures:
    data, pictures = place.folder / "classes", place.folder / "test"
    others = [path for name in OTHERS for path in sorted(shared_data(name).iterdir())]
    _link(train, data / RACCOON)
    _link(others, data / OTHER)
    _link(list(test), pictures)
    trained = place.run("train", str(data), "--split", "85/15/0", "--seed", seed)
    run = str(trained.document["run"])
    predict = ("--dense", "--boxes", "--min-confidence", LEAST_SCORE)
    predicted: Any
    predicted = place.run("predict", str(pictures), "--model", run, *predict).document
    found = {Path(answer["path"]).name: answer["objects"] for answer in predicted}
    answers = [_rows(found[path.name]) for path in test]
    figures, _ = measure_detection((RACCOON,), answers, list(test.values()), 0.5)
    return figures


def _parts(table: Path) -> tuple[list[Path], dict[Path, Objects]]:
    """Returns the training pictures, and the objects of each test picture."""
    boxes: defaultdict[tuple[str, Path], list[LabelledBox]] = defaultdict(list)
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            left, top, right, bottom = (
                float(row[edge]) for edge in ("xmin", "ymin", "xmax", "ymax")
            )
            box = LabelledBox(0, (left, top, right, bottom))
            boxes[row["split"], Path(row["path"])].append(box)
    return [path for part, path in boxes if part == "train"], {
        path: Objects(tuple(found))
        for (part, path), found in boxes.items()
        if part == "test"
    }


def _link(paths: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in paths:
        (folder / path.name).symlink_to(path)


def _rows(objects: list[dict[str, Any]]) -> np.ndarray:
    """Returns the raccoons as `measure_detection` takes them."""
    rows = [
        (*item["box"], item["score"], 0) for item in objects if item["label"] == RACCOON
    ]
    return np.array(rows, float).reshape(-1, 6)
