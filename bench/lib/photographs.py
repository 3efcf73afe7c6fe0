"""JPEGs to measure with, and folders of any number of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, cycle, islice
from pathlib import Path

from PIL import Image, ImageOps

from bench.lib.shared import shared_dir
from cnnxfer.data.sample.flowers import CLASS_NAMES, draw

SIZE = (500, 375)  # that of most of ImageNet's
ORIGINALS = 100


def find_photographs(folder: Path) -> list[Path]:
    """Returns JPEGs: those of ImageNet if there is a shared folder, else drawn ones.

    Args:
        folder: the folder that drawn JPEGs are written to. It is made if need be.
    """
    shared = shared_dir()
    if shared:
        return sorted((shared / "data" / "imagenet100").iterdir())
    return write_photographs(folder, ORIGINALS)


def write_photographs(
    folder: Path, number: int, size: tuple[int, int] = SIZE
) -> list[Path]:
    """Writes JPEGs of quality 90, cut and scaled to one size.

    They show the hundred photographs of ImageNet if there is a shared folder, and
    synthetic flowers otherwise.

    Args:
        folder: the folder that they are written to. It is made if need be.
        number: the largest number of JPEGs. There may be fewer photographs.
        size: the width and height in pixels.
    """
    folder.mkdir(exist_ok=True)
    paths = []
    for i, picture in enumerate(islice(_pictures(), number)):
        paths.append(folder / f"{i:03d}.jpg")
        ImageOps.fit(picture, size).save(paths[-1], quality=90)
    return paths


def write_links(folder: Path, originals: Sequence[Path], number: int) -> list[Path]:
    """Makes a folder of `number` links to the pictures, in turn.

    Returns:
        The links, in the order of their names.
    """
    folder.mkdir()
    links = []
    for i, path in enumerate(islice(cycle(originals), number)):
        links.append(folder / f"{i:06d}.jpg")
        links[-1].symlink_to(path)
    return links


def _pictures() -> Iterator[Image.Image]:
    shared = shared_dir()
    if shared:
        for path in sorted((shared / "data" / "imagenet100").iterdir()):
            yield Image.open(path).convert("RGB")
    else:
        for i in count():
            yield draw(CLASS_NAMES[i % len(CLASS_NAMES)], i)
