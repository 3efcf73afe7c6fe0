"""What TensorFlow Datasets told of a set, recorded beside our copy of its images."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cnnxfer.data.sources.packed import Copy, copies_dir, read_copy
from cnnxfer.data.sources.tfds_specs import Wanted, tfds_dir
from cnnxfer.files import read_sealed

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


def record_path(wanted: Wanted) -> Path:
    """Returns the file of a specification's record, which may not exist."""
    folder = wanted.folder
    place = os.path.abspath(folder or tfds_dir())
    name = "" if folder else wanted.set_name
    key = json.dumps([version("tensorflow-datasets"), place, name, wanted.split])
    return own_copies_dir() / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def read_record(path: Path) -> Record | None:
    """Returns a record; None if there is none, or it is damaged or of another form."""
    document = read_sealed(path)
    try:
        return None if document is None else Record(**document)
    except TypeError:
        return None
