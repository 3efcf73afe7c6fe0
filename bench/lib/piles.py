"""Folders of any number of pictures, which are links to a few."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from photographs import shared_dir, write_photographs

SIZE = (500, 375)  # that of most of ImageNet's
ORIGINALS = 100


def photographs(folder: Path) -> list[Path]:
    """Returns JPEGs: ImageNet's where the shared folder is at hand, else written ones.

    Args:
        folder: where they are written; made if need be.
    """
    shared = shared_dir()
    if shared:
        return sorted((shared / "data" / "imagenet100").iterdir())
    folder.mkdir(exist_ok=True)
    return write_photographs(folder, ORIGINALS, SIZE)


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
