"""JPEGs of one size to measure with, and where they come from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from PIL import Image, ImageOps

from cnnxfer.data.flowers import CLASS_NAMES, draw


def shared_dir() -> Path | None:
    """Returns the folder of photographs and data for tests, if this machine has it.

    It is `CNNXFER_SHARED`, or `shared` beside the repository.
    """
    beside = Path(__file__).resolve().parents[3] / "shared"
    path = Path(os.environ.get("CNNXFER_SHARED") or beside)
    return path if path.is_dir() else None


def write_photographs(folder: Path, number: int, size: tuple[int, int]) -> list[Path]:
    """Writes JPEGs of quality 90, cut and scaled to one size.

    They show ImageNet's photographs where the shared folder is at hand, which has a
    hundred, else synthetic flowers.

    Args:
        folder: exists.
        number: of pictures, at most; there may be fewer photographs.
        size: width and height in pixels.
    """
    paths = []
    for i, picture in enumerate(islice(_pictures(), number)):
        paths.append(folder / f"{i:03d}.jpg")
        ImageOps.fit(picture, size).save(paths[-1], quality=90)
    return paths


def _pictures() -> Iterator[Image.Image]:
    shared = shared_dir()
    if shared:
        for path in sorted((shared / "data" / "imagenet100").iterdir()):
            yield Image.open(path).convert("RGB")
    else:
        for i in count():
            yield draw(CLASS_NAMES[i % len(CLASS_NAMES)], i)
