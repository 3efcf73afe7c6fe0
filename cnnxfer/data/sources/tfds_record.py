"""Records of which prepared TFDS data set a specification means, and of its copy."""

import hashlib
import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cnnxfer.cache import read_cached_json
from cnnxfer.data.sources.packed import Copy, copies_dir, read_copy
from cnnxfer.data.sources.tfds_specs import RequestedSet, tfds_dir
from cnnxfer.reporting import Reporter

KIND = "tfds"
RECORD_VERSION = 3  # raised when other features of a set are read


@dataclass(frozen=True)
class Record:
    """The prepared data set that a specification means, and the copy of its images."""

    data_dir: str  # the folder of the prepared data set, `.../NAME[/CONFIG]/VERSION`
    state: dict[str, Any]  # what `state_of(data_dir)` returned when the copy was made
    copy: str  # the name of the copy's directory in `own_copies_dir()`

    def read(self) -> Copy | None:
        """Returns the copy; None if it is damaged or the prepared data has changed."""
        try:
            state = state_of(Path(self.data_dir))
        except OSError:  # the prepared data set is gone
            return None
        return read_copy(own_copies_dir() / self.copy) if state == self.state else None


def own_copies_dir() -> Path:
    """Returns the directory with the copies of TFDS data sets and their records."""
    return copies_dir() / KIND


def state_of(data_dir: Path) -> dict[str, Any]:
    """Returns a state that changes when a specification may mean other data.

    In types that JSON has: `files` is a hash of the names, sizes and modification times
    of the files in the folder of a prepared data set, `.../NAME[/CONFIG]/VERSION`.
    `versions` and `default_config` are what TFDS chooses from where a specification
    leaves them open.

    Raises:
        OSError: if the folder cannot be read.
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


def record_path(requested: RequestedSet, kind: str) -> Path:
    """Returns the path of the record for a requested data set; it may not exist.

    Args:
        requested: the data set.
        kind: what is read of its images; see `tfds_keys.choose_keys`.
    """
    folder = requested.folder
    data_dir = os.path.abspath(folder or tfds_dir())
    name = "" if folder else requested.set_name
    tfds_version = version("tensorflow-datasets")
    key = json.dumps(
        [tfds_version, RECORD_VERSION, data_dir, name, requested.split, kind]
    )
    return own_copies_dir() / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def read_record(path: Path, reporter: Reporter) -> Record | None:
    """Returns the record in a file; None if it is missing, damaged or outdated."""
    return read_cached_json(path, Record, reporter)
