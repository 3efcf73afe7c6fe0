"""The data sources, one a file, and the lookup from a specification to its source."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from cnnxfer.data import archives, tables
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.sources import cloud, hugging_face, tfds_specs
from cnnxfer.data.sources.tfds_specs import tfds_names
from cnnxfer.errors import ConfigError
from cnnxfer.registry import BUILT_IN, Registry, did_you_mean, load_object
from cnnxfer.reporting import Reporter
from cnnxfer.texts import existing_form, normal


@dataclass(frozen=True)
class Source:
    """A kind of data: what its specifications look like and what loads it."""

    name: str
    form: str  # what a specification looks like, for messages
    accepts: Callable[[str], bool]  # tells it without reading any data
    loader: str  # `"module:function"` of a function `(spec, reporter) -> Dataset`
    # The same of a function `(spec) -> None` that raises the errors that can be found
    # cheaply, before anything heavy is loaded; empty for none.
    checker: str = ""
    # Makes a specification mean the same in every working directory.
    absolute: Callable[[str], str] = str


ANNOTATIONS = (".json", ".yaml", ".yml")  # files of them
SAMPLE = f"{BUILT_IN}sample"


def _absolute_path(spec: str) -> str:
    return str(Path(existing_form(spec)).resolve())


def _is_file(*suffixes: str) -> Callable[[str], bool]:
    return lambda spec: spec.lower().endswith(suffixes) and Path(spec).is_file()


SOURCES = Registry(
    "data source",
    Source(
        name="sample",
        form="sample",
        accepts=lambda spec: (
            spec == SAMPLE or (spec == "sample" and not Path(spec).exists())
        ),
        loader="cnnxfer.data.sources.sample:load",
        absolute=lambda spec: SAMPLE,
    ),
    Source(
        name="tfds",
        form=tfds_specs.FORM,
        accepts=tfds_specs.accepts,
        loader="cnnxfer.data.sources.tfds:load",
        absolute=tfds_specs.absolute,
    ),
    Source(
        name="hugging-face",
        form=hugging_face.FORM,
        accepts=hugging_face.accepts,
        loader="cnnxfer.data.sources.hugging_face:load",
        checker="cnnxfer.data.sources.hugging_face:check",
        absolute=_absolute_path,
    ),
    Source(
        name="cloud",
        form=cloud.FORM,
        accepts=cloud.accepts,
        loader="cnnxfer.data.sources.cloud:load",
        checker="cnnxfer.data.sources.cloud:check",
    ),
    Source(
        name="folder",
        form="a folder of class folders, or of images with boxes or masks",
        # An empty text, such as an unset variable, would mean the working directory.
        accepts=lambda spec: bool(spec) and Path(spec).is_dir(),
        loader="cnnxfer.data.sources.folder:load",
        absolute=_absolute_path,
    ),
    Source(
        name="archive",
        form="a .zip or .tar[.gz] of one",
        accepts=_is_file(*archives.SUFFIXES),
        loader="cnnxfer.data.sources.archive:load",
        absolute=_absolute_path,
    ),
    Source(
        name="table",
        form="a .csv, .tsv, .jsonl or .parquet table of paths and labels",
        accepts=_is_file(*tables.SUFFIXES),
        loader="cnnxfer.data.sources.annotations.tables:load",
        checker="cnnxfer.data.sources.annotations.tables:check",
        absolute=_absolute_path,
    ),
    Source(
        name="annotations",
        form="a .json or data.yaml of boxes",
        accepts=_is_file(*ANNOTATIONS),
        loader="cnnxfer.data.sources.annotations.load:load",
        absolute=_absolute_path,
    ),
)


def find_source(spec: str) -> Source:
    """Returns the source that accepts `spec`; cheap enough to check before any work.

    Raises:
        ConfigError: if no source accepts it.
        DataError: if the source finds at once that the data cannot be read.
    """
    spec = existing_form(spec)
    source = next((source for source in SOURCES if source.accepts(spec)), None)
    if source is None:
        raise ConfigError(_unknown_message(spec))
    if source.checker:
        load_object(source.checker)(spec)
    return source


def list_dataset(spec: str, reporter: Reporter) -> Dataset:
    """Lists the images that `spec` names, with the classes sorted by name.

    So the same images get the same labels from every source. Classes whose names look
    the same, since they differ in their Unicode form alone, are one class.

    Raises:
        ConfigError: if no source accepts the specification.
        DataError: if the data cannot be read.
    """
    source, spec = find_source(spec), existing_form(spec)
    if full := _set_of_same_name(spec):
        reporter.info(
            f"{spec} is {Path(spec).resolve()}; the data set of this name is {full}"
        )
    return with_sorted_classes(load_object(source.loader)(spec, reporter), reporter)


def with_sorted_classes(dataset: Dataset, reporter: Reporter) -> Dataset:
    """Returns a data set with its classes sorted by name; see `list_dataset`."""
    names = _distinct(dataset.class_names)
    spellings: dict[str, str] = {}
    for name in names:
        if spellings.setdefault(normal(name), name) != name:
            reporter.info(f"{name} is written in two Unicode forms, and is one class")
    class_names = tuple(spellings[key] for key in sorted(spellings))
    order = {key: number for number, key in enumerate(sorted(spellings))}
    numbers = {old: order[normal(name)] for old, name in enumerate(names)}
    examples = tuple(_renumbered(example, numbers) for example in dataset.examples)
    return replace(dataset, class_names=class_names, examples=examples)


def _set_of_same_name(spec: str) -> str:
    """Returns how to write the set that has the name of a file or folder; or ""."""
    if not Path(spec).exists():
        return ""
    if spec == "sample":
        return SAMPLE
    return tfds_specs.PREFIX + spec if tfds_specs.is_name(spec) else ""


def _renumbered(example: Example, numbers: Mapping[int, int]) -> Example:
    new = example.annotation.renumbered(numbers)
    return example if new == example.annotation else replace(example, annotation=new)


def _distinct(names: Sequence[str]) -> list[str]:
    """Returns the names, with the label appended to those that several classes have."""
    count = Counter(names)
    return [
        f"{name} ({label})" if count[name] > 1 else name
        for label, name in enumerate(names)
    ]


def _unknown_message(spec: str) -> str:
    path = Path(spec)
    forms = f"Expected one of: {', '.join(source.form for source in SOURCES)}."
    if not find_spec("tensorflow_datasets"):
        forms += " TensorFlow Datasets is not installed, so its sets are unknown here."
    if spec and path.exists():
        full = _set_of_same_name(spec)
        built_in = f" The data set of this name is {full}." if full else ""
        return f"{spec} is a file that cannot be read as data.{built_in} {forms}"
    if "://" in spec:
        return f"{spec} is not an address of data. {forms}"
    folder = path.parent
    if not folder.is_dir():
        return f"no data called {spec!r}: there is no folder {folder}."
    names = [entry.name for entry in folder.iterdir() if _may_be_data(entry)]
    if folder == Path():
        names += [*tfds_names(), "sample"]
    # A place that is told from the root on is meant to be a file or a folder.
    other = "" if path.is_absolute() else f" {forms}"
    return f"no data called {spec!r}.{did_you_mean(path.name, names) or other}"


def _may_be_data(path: Path) -> bool:
    return path.is_dir() or path.name.lower().endswith(
        (*tables.SUFFIXES, *archives.SUFFIXES, *ANNOTATIONS)
    )
