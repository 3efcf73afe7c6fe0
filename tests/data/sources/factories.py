"""The same photographs in the form of every source, for the contract of all.

`FACTORIES` has a function for each name in `SOURCES`. It writes `PHOTOS` under a
directory that is its own, sets what the source needs of the environment, and returns
the specification; `test_contract.py` does the rest. A new source is one more entry.
What needs a library of its own lies in `factories_packed.py`.
"""

import csv
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.sample import flowers

# Not in the order of their names, in which the labels must come.
CLASS_NAMES = ("tulip", "aster", "rose")
BROKEN = b"no picture"


@dataclass(frozen=True)
class Photo:
    """A file that belongs to a class and a split of the data set."""

    name: str
    class_name: str
    split: str
    content: bytes


Factory = Callable[[Path, pytest.MonkeyPatch], str]


@cache
def photos() -> tuple[Photo, ...]:
    """Four pictures of each class in train, and one in each other split.

    One more file, a rose in train, is not an image.
    """
    rng = np.random.default_rng(0)
    parts = ("train",) * 4 + ("validation", "test")
    return (
        *(
            Photo(f"{number}.png", class_name, split, _png(rng))
            for class_name in CLASS_NAMES
            for number, split in enumerate(parts)
        ),
        Photo("broken.png", "rose", "train", BROKEN),
    )


def write_folder(root: Path) -> Path:
    """Writes class folders in split folders, and what systems leave in them."""
    for photo in photos():
        path = root / photo.split / photo.class_name / photo.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo.content)
    (root / "train" / "rose" / "Thumbs.db").write_bytes(b"thumbnails")
    (root / "train" / ".DS_Store").write_bytes(b"desktop")
    return root


def folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return str(write_folder(root / "flowers"))


def table(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_folder(root / "images")
    with (root / "flowers.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["path", "label", "split"])
        for photo in photos():
            path = f"images/{photo.split}/{photo.class_name}/{photo.name}"
            rows.writerow([path, photo.class_name, photo.split])
    return str(root / "flowers.csv")


def archive(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_folder(root / "flowers")
    return shutil.make_archive(str(root / "flowers"), "gztar", root, "flowers")


def annotations(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Writes a data set of YOLO, with a box around each whole picture."""
    lines = ["names: [tulip, aster, rose]"]
    for photo in photos():
        name = f"{photo.split}/{photo.class_name}-{photo.name}"
        label = f"{CLASS_NAMES.index(photo.class_name)} 0.5 0.5 1 1\n"
        for file, content in (
            (root / "images" / name, photo.content),
            ((root / "labels" / name).with_suffix(".txt"), label.encode()),
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    for word, split in (("train", "train"), ("val", "validation"), ("test", "test")):
        lines.append(f"{word}: images/{split}")
    (root / "data.yaml").write_text("\n".join(lines))
    return str(root / "data.yaml")


def sample(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(flowers, "write_sample", lambda path, _: write_folder(path))
    return "sample"


def _png(rng: np.random.Generator) -> bytes:
    stream = io.BytesIO()
    pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


FACTORIES: dict[str, Factory] = {
    "sample": sample,
    "folder": folder,
    "archive": archive,
    "table": table,
    "annotations": annotations,
}
