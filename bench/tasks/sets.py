"""The data sets that tasks are measured on, each as a data specification."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.lib.shared import shared_data

# Flowers' masks have five values, of which 0 and a few stray pixels of 5 are no class.
# As in what is published on them, what is not the flower is background.
MASK_NAMES = ("null", "flower", "background", "background", "background")


@dataclass(frozen=True)
class TaskSet:
    """A data set, and how it is trained on.

    Attributes:
        name: what tables call it.
        prepare: returns its data specification; files go to the folder.
        options: those of `cnnxfer train`.
        figures: what is measured, by the name that tables have: the key of the
            evaluation's JSON.
    """

    name: str
    prepare: Callable[[Path], Path]
    options: tuple[str, ...]
    figures: dict[str, str]


def raccoon(folder: Path) -> Path:
    """Returns a table of the raccoons, in the parts that the set itself has."""
    root = shared_data("boxes/raccoon")
    table = folder / "raccoon.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "xmin", "ymin", "xmax", "ymax", "split"])
        for part in ("train", "test"):
            with (root / f"data/{part}_labels.csv").open(newline="") as rows:
                for row in csv.DictReader(rows):
                    path = root / "images" / row["filename"]
                    box = [row[edge] for edge in ("xmin", "ymin", "xmax", "ymax")]
                    writer.writerow([path, row["class"], *box, part])
    return table


def blood_cells(folder: Path) -> Path:
    """Returns the folder of the blood smears, whose ImageSets are the parts."""
    return shared_data("boxes/bccd")


def caltech(folder: Path) -> Path:
    """Returns the folder of airplanes, faces and motorcycles, one in each picture."""
    return shared_data("boxes/caltech3")


def flowers(folder: Path) -> Path:
    """Returns a folder of the flowers' pictures and masks, with names of classes."""
    root, place = shared_data("masks/flowers17"), folder / "flowers17"
    place.mkdir()
    for name in ("images", "masks"):
        (place / name).symlink_to(root / name)
    (place / "classes.txt").write_text("".join(f"{name}\n" for name in MASK_NAMES))
    return place


BOXES = {"AP50": "ap50", "AP": "ap"}
SETS = (
    TaskSet("raccoon", raccoon, ("--split", "80/10/10"), BOXES),
    TaskSet("bccd", blood_cells, (), BOXES),
    TaskSet(
        "caltech3",
        caltech,
        ("--split", "70/10/20"),
        {"class": "class_accuracy", "mean IoU": "mean_iou", "IoU from 0.5": "iou50"},
    ),
    TaskSet(
        "flowers17",
        flowers,
        ("--split", "70/10/20", "--ignore", "null"),
        {"mIoU": "miou", "pixel accuracy": "pixel_accuracy"},
    ),
)
