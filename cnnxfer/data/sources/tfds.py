"""TensorFlow Datasets: any image-classification set that it can prepare.

It takes seconds to import. So what it told of a set is recorded beside our copy of
the set's images, and it is asked again only when something has changed since.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cnnxfer.data.dataset import Dataset
from cnnxfer.data.sources.packed import Copy, copies_dir, read_copy
from cnnxfer.data.sources.tfds_specs import Wanted, parse, tfds_dir
from cnnxfer.files import read_sealed, write_sealed
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import Reporter

KIND = "tfds"


@dataclass(frozen=True)
class Record:
    """Which prepared set a specification means, and where our copy of it lies.

    Attributes:
        data_dir: where it is prepared, as `.../NAME[/CONFIG]/VERSION`.
        state: of `data_dir`, from `state_of`, when the copy was made.
        copy: the copy's name in `own_copies_dir()`.
    """

    data_dir: str
    state: dict[str, Any]
    copy: str

    def read(self) -> Copy | None:
        """Returns the copy, if TFDS would mean the same today and it is sound."""
        try:
            state = state_of(Path(self.data_dir))
        except OSError:  # the set is gone
            return None
        return read_copy(own_copies_dir() / self.copy) if state == self.state else None


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists a prepared set, or downloads and prepares it first.

    A set whose images have any number of labels each, a sequence of them, is
    multi-label.

    Args:
        spec: `NAME[/CONFIG][:VERSION]`, with or without `tfds:` before it, or the
            folder of a prepared set. `[SPLIT]` behind it, as TFDS writes it, means a
            part: `tf_flowers[train[:10%]]`.
        reporter: told of the download and the copy.

    Raises:
        DataError: if the set is unknown, cannot be prepared, or has no labelled
            image.
        ConfigError: if it has no such part.
    """
    wanted = parse(spec)
    path = _record_path(wanted)
    record = _read(path)
    copy = record.read() if record else None
    if copy is None:
        import_tensorflow_quietly()
        from cnnxfer.data.sources.tfds_copy import copy_set

        record, copy = copy_set(wanted, reporter)
        with suppress(OSError):  # a cache that is only read may hold the copy
            write_sealed(path, asdict(record))
    about = copy.about
    return Dataset(
        name=about["name"],
        class_names=tuple(about["class_names"]),
        examples=copy.examples,
        shuffled=about["shuffled"],
        title=f"{about['name']}[{wanted.split}]" if wanted.split else "",
        multi_label=about["multi_label"],
    )


def own_copies_dir() -> Path:
    """Returns where copies and records are kept."""
    return copies_dir() / KIND


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
    default_config = data_dir.parent.parent / ".config" / "metadata.json"
    return {
        "files": files.hexdigest()[:12],
        "versions": sorted(path.name for path in data_dir.parent.glob("*/")),
        "default_config": default_config.read_text("utf-8", "replace")
        if default_config.exists()
        else None,
    }


def _record_path(wanted: Wanted) -> Path:
    folder = wanted.folder
    place = os.path.abspath(folder or tfds_dir())
    name = "" if folder else wanted.set_name
    key = json.dumps([version("tensorflow-datasets"), place, name, wanted.split])
    return own_copies_dir() / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> Record | None:
    """Returns a record; None if there is none, or it is damaged or of another form."""
    document = read_sealed(path)
    try:
        return None if document is None else Record(**document)
    except TypeError:
        return None
