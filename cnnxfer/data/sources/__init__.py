"""Data sources, one a file; a specification as typed finds its source here."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cnnxfer.data.dataset import Dataset
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.registry import Registry, did_you_mean, load_object
from cnnxfer.reporting import Reporter


@dataclass(frozen=True)
class Source:
    """A kind of data: how its specification looks and what loads it.

    Attributes:
        name: of the kind.
        form: an example of a specification, for messages.
        accepts: tells, without reading any data, whether a specification is its.
        loader: `"module:function"`, `(spec, reporter) -> Dataset`.
    """

    name: str
    form: str
    accepts: Callable[[str], bool]
    loader: str


def tfds_dir() -> Path:
    """Returns where TensorFlow Datasets keeps what it has prepared."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


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


def _is_tfds(spec: str) -> bool:
    name = spec.partition("/")[0].partition(":")[0]
    return spec.startswith("tfds:") or name in tfds_names()


SOURCES: Registry[Source] = Registry("data source")
SOURCES.add(
    Source(
        name="sample",
        form="sample",
        accepts=lambda spec: spec == "sample",
        loader="cnnxfer.data.sources.sample:load",
    )
)
SOURCES.add(
    Source(
        name="folder",
        form="a folder of class folders",
        accepts=lambda spec: Path(spec).is_dir(),
        loader="cnnxfer.data.sources.folder:load",
    )
)
SOURCES.add(
    Source(
        name="tfds",
        form="tfds:NAME",
        accepts=_is_tfds,
        loader="cnnxfer.data.sources.tfds:load",
    )
)


def find_source(spec: str) -> Source:
    """Returns the source that takes `spec`; cheap, for checks before any work.

    Raises:
        ConfigError: if none does.
    """
    for source in SOURCES:
        if source.accepts(spec):
            return source
    path = Path(spec)
    if path.exists():
        raise ConfigError(f"{spec} is a file; expected a folder of class folders.")
    raise ConfigError(f"no data called {spec!r}.{_near(spec)}")


def load_dataset(spec: str, reporter: Reporter) -> Dataset:
    """Lists what `spec` holds.

    Raises:
        ConfigError: if no source takes it.
        DataError: if it cannot train a classifier: unreadable, or under two classes.
    """
    dataset: Dataset = load_object(find_source(spec).loader)(spec, reporter)
    if len(dataset.class_names) < 2:
        raise DataError(
            f"{spec} has {len(dataset.class_names)} class "
            f"({', '.join(dataset.class_names)}); expected at least two."
        )
    return dataset


def _near(spec: str) -> str:
    parent = Path(spec).parent
    folders = []
    if parent.is_dir():
        folders = [str(entry) for entry in parent.iterdir() if entry.is_dir()]
    known = [*folders, *tfds_names(), "sample"]
    forms = ", ".join(source.form for source in SOURCES)
    return did_you_mean(spec, known) or f" Expected one of: {forms}."
