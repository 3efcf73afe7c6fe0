"""Specifications of TensorFlow Datasets, parsed without importing it."""

import importlib.util
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cnnxfer.files import user_dir

PREFIX = "tfds:"
FORM = "tfds:NAME[SPLIT]"
INFO = "dataset_info.json"
FEATURES = "features.json"
_VERSION = re.compile(r"\d+\.\d+\.\d+")
# SPLIT is written as TFDS writes it: train, train[:10%], train[:10%]+test.
_WITH_SPLIT = re.compile(r"(?P<name>[^\[\]]+)\[(?P<split>.+)\]")


@dataclass(frozen=True)
class RequestedSet:
    """The data set that a specification requests."""

    name: str  # `NAME[/CONFIG][:VERSION]`, perhaps after `tfds:`; or a prepared folder
    split: str = ""  # the records to read, as TFDS writes a split; empty for all splits

    @property
    def folder(self) -> Path | None:
        """The prepared folder whose path the name is; None for a name of TFDS."""
        return None if self.name.startswith(PREFIX) else prepared_folder(self.name)

    @property
    def set_name(self) -> str:
        """The name by which TFDS knows the data set."""
        return self.name.removeprefix(PREFIX)


def tfds_dir() -> Path:
    """Returns the directory in which TensorFlow Datasets keeps prepared data sets.

    Raises:
        ConfigError: if it is in a home directory, and this user has none.
    """
    return user_dir("TFDS_DATA_DIR", lambda: "~/tensorflow_datasets")


def manual_dir() -> Path:
    """Returns the directory for files that a person has to download.

    It is `TFDS_MANUAL_DIR`, or else where TensorFlow Datasets itself expects them.
    """
    return user_dir("TFDS_MANUAL_DIR", lambda: str(tfds_dir() / "downloads" / "manual"))


@cache
def tfds_names() -> frozenset[str]:
    """Returns the names that TensorFlow Datasets knows, without importing it."""
    names = set()
    spec = importlib.util.find_spec("tensorflow_datasets")
    for root in (spec and spec.submodule_search_locations) or ():
        names |= {path.name for path in Path(root, "datasets").glob("[a-z]*")}
        names |= {path.stem for path in Path(root, "url_checksums").glob("*.txt")}
    prepared = tfds_dir()
    for pattern in ("*/[0-9]*.*.*/features.json", "*/*/[0-9]*.*.*/features.json"):
        paths = prepared.glob(pattern)
        names |= {path.relative_to(prepared).parts[0] for path in paths}
    return frozenset(names)


def parse(spec: str) -> RequestedSet:
    """Returns what `NAME[/CONFIG][:VERSION][[SPLIT]]` or `FOLDER[[SPLIT]]` requests."""
    match = None if Path(spec).exists() else _WITH_SPLIT.fullmatch(spec)
    return RequestedSet(match["name"], match["split"]) if match else RequestedSet(spec)


def accepts(spec: str) -> bool:
    """Tells whether a specification is of this source, without reading data."""
    requested = parse(spec)
    if requested.name.startswith(PREFIX) or requested.folder is not None:
        return True
    # A file or folder of this name takes precedence over a data set of the catalog.
    return not Path(requested.name).exists() and is_name(requested.name)


def is_name(name: str) -> bool:
    """Tells whether `NAME[/CONFIG][:VERSION]` has a name that TFDS knows."""
    return name.partition("/")[0].partition(":")[0] in tfds_names()


def absolute(spec: str) -> str:
    """Returns a specification that means the same in every working directory."""
    requested = parse(spec)
    if requested.folder is None:
        return PREFIX + spec.removeprefix(PREFIX)
    split = f"[{requested.split}]" if requested.split else ""
    return os.path.abspath(requested.name) + split


def prepared_folder(path: str) -> Path | None:
    """Returns the folder of a prepared data set; None if there is none.

    It is `path` itself, or the newest version in it.
    """
    if _is_prepared(Path(path)):
        return Path(path)
    versions = [
        folder
        for folder in Path(path).glob("*.*.*/")
        if _VERSION.fullmatch(folder.name) and _is_prepared(folder)
    ]
    return max(versions, key=_version, default=None)


def _is_prepared(folder: Path) -> bool:
    return (folder / INFO).is_file() and (folder / FEATURES).is_file()


def _version(folder: Path) -> list[int]:
    return [int(number) for number in folder.name.split(".")]
