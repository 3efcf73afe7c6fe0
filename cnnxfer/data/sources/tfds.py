"""TensorFlow Datasets: any image-classification set that it can prepare.

It takes seconds to import. So what it told of a set is recorded beside our copy of
the set's images, and it is asked again only when something has changed since.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.sources import tfds_dir
from cnnxfer.files import cache_dir, read_sealed, write_sealed
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import Reporter

IMAGES = "images.bin"
INDEX = "index.csv"


@dataclass(frozen=True)
class Record:
    """What TFDS told of a prepared set, and where our copy of its images lies.

    Attributes:
        name: of the set, short.
        class_names: in label order.
        shuffled: whether its records are in mixed order.
        data_dir: where it is prepared, as `.../NAME[/CONFIG]/VERSION`.
        state: of `data_dir`, from `state_of`, when the copy was made.
        copy: the copy's name in `copies_dir()`.
    """

    name: str
    class_names: list[str]
    shuffled: bool
    data_dir: str
    state: dict[str, Any]
    copy: str

    @property
    def copy_dir(self) -> Path:
        """Where our copy of the images lies."""
        return copies_dir() / self.copy

    def holds(self) -> bool:
        """Tells whether TFDS would say the same today, and our copy is there."""
        try:
            state = state_of(Path(self.data_dir))
        except OSError:  # the set is gone
            return False
        return state == self.state and self.copy_dir.is_dir()


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists a prepared set, or downloads and prepares it first.

    Args:
        spec: `NAME[/CONFIG][:VERSION]`, with or without `tfds:` before it.
        reporter: told of the download and the copy.

    Raises:
        DataError: if the set is unknown, cannot be prepared, or has no image with
            one label.
    """
    name = spec.removeprefix("tfds:")
    path = _record_path(name)
    record = _read(path)
    if record is None or not record.holds():
        import_tensorflow_quietly()
        from cnnxfer.data.sources.tfds_copy import copy_set

        record = copy_set(name, reporter)
        with suppress(OSError):  # a cache that is only read may hold the copy
            write_sealed(path, asdict(record))
    return Dataset(
        name=record.name,
        class_names=tuple(record.class_names),
        examples=tuple(_examples(record.copy_dir)),
        shuffled=record.shuffled,
    )


def copies_dir() -> Path:
    """Returns where copies and records are kept."""
    return cache_dir() / "tfds"


def state_of(data_dir: Path) -> dict[str, Any]:
    """Returns what tells whether a set has been prepared anew, or another beside it.

    Args:
        data_dir: `.../NAME[/CONFIG]/VERSION`.

    Returns:
        Of JSON's types. `files` stands for the names, sizes and times of the files in
        it; by `versions` and `default_config`, TFDS chooses what is left open.

    Raises:
        OSError: if it cannot be read.
    """
    files = hashlib.sha256()
    for path in sorted(data_dir.iterdir()):
        found = path.stat()
        files.update(f"{path.name} {found.st_size} {found.st_mtime_ns}\n".encode())
    # Where a set's code is not known, this names its default configuration.
    default_config = data_dir.parents[1] / ".config" / "metadata.json"
    return {
        "files": files.hexdigest()[:12],
        "versions": sorted(path.name for path in data_dir.parent.glob("*/")),
        "default_config": default_config.read_text("utf-8", "replace")
        if default_config.exists()
        else None,
    }


def _record_path(name: str) -> Path:
    root = os.fspath(tfds_dir().absolute())
    key = json.dumps([version("tensorflow-datasets"), root, name])
    return copies_dir() / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> Record | None:
    """Returns a record; None if there is none, or it is damaged or of another form."""
    document = read_sealed(path)
    try:
        return None if document is None else Record(**document)
    except TypeError:
        return None


def _examples(directory: Path) -> Iterator[Example]:
    with (directory / INDEX).open(newline="", encoding="utf-8") as index:
        for row in csv.DictReader(index):
            yield Example(
                id=row["id"],
                label=int(row["label"]),
                split=row["split"] or None,
                path=directory / IMAGES,
                offset=int(row["offset"]),
                size_bytes=int(row["size_bytes"]),
            )
