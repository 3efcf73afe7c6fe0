"""What names a set of TensorFlow Datasets, told without importing it."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PREFIX = "tfds:"
FORM = "tfds:NAME[SPLIT]"
INFO = "dataset_info.json"
FEATURES = "features.json"
_VERSION = re.compile(r"\d+\.\d+\.\d+")
# A split is what TFDS takes for one: train, train[:10%], train[:10%]+test.
_WITH_SPLIT = re.compile(r"(?P<name>[^\[\]]+)\[(?P<split>.+)\]")


@dataclass(frozen=True)
class Wanted:
    """A set, or a part of one.

    Attributes:
        name: `NAME[/CONFIG][:VERSION]`, or the path of a prepared folder.
        split: which records, in TFDS's own words; empty for the parts that it has.
    """

    name: str
    split: str = ""

    @property
    def folder(self) -> Path | None:
        """The prepared folder that its name means, if it means one."""
        return None if self.name.startswith(PREFIX) else prepared_folder(self.name)

    @property
    def set_name(self) -> str:
        """Its name as TFDS knows it."""
        return self.name.removeprefix(PREFIX)


def tfds_dir() -> Path:
    """Returns where TensorFlow Datasets keeps what it has prepared."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def manual_dir() -> Path:
    """Returns where files lie that no program may download.

    `TFDS_MANUAL_DIR`, or the directory that TensorFlow Datasets itself looks in.
    """
    typed = os.environ.get("TFDS_MANUAL_DIR")
    return Path(typed).expanduser() if typed else tfds_dir() / "downloads" / "manual"


@cache
def tfds_names() -> frozenset[str]:
    """Names that TensorFlow Datasets knows, found without importing it."""
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


def parse(spec: str) -> Wanted:
    """Reads `NAME[/CONFIG][:VERSION][[SPLIT]]`, or a folder in the name's place."""
    match = None if Path(spec).exists() else _WITH_SPLIT.fullmatch(spec)
    return Wanted(match["name"], match["split"]) if match else Wanted(spec)


def accepts(spec: str) -> bool:
    """Tells whether a specification is of this source, reading no data."""
    wanted = parse(spec)
    if wanted.name.startswith(PREFIX) or wanted.folder is not None:
        return True
    name = wanted.name.partition("/")[0].partition(":")[0]
    # What lies here is meant before what could be downloaded.
    return not Path(wanted.name).exists() and name in tfds_names()


def absolute(spec: str) -> str:
    """Returns a specification that means the same in every working directory."""
    wanted = parse(spec)
    if wanted.folder is None:
        return spec
    return os.path.abspath(wanted.name) + (f"[{wanted.split}]" if wanted.split else "")


def prepared_folder(path: str) -> Path | None:
    """Returns the folder of a prepared set: `path`, or the newest version in it."""
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
