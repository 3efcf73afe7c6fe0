"""From settings to a run directory whose images each have their part."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.config import Config
from cnnxfer.data.check.inspected import Facts
from cnnxfer.data.check.run_checks import quick_findings, warn_of
from cnnxfer.data.dataset import DIVIDER, Example
from cnnxfer.data.preparing.exclude import exclude_listed
from cnnxfer.data.preparing.groups import group_names
from cnnxfer.data.preparing.index import (
    build_index,
    leave_out_untrained,
    report_problems,
)
from cnnxfer.data.preparing.near_duplicates import near_duplicates
from cnnxfer.data.preparing.splits import PARTS, TEST, TRAIN, VALIDATION, assign_parts
from cnnxfer.data.preparing.subset import take_sample
from cnnxfer.data.sources import load_dataset
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.networks.precision import resolve_precision
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run, SplitRow, create_run
from cnnxfer.tasks.class_weights import require_known_classes
from cnnxfer.tasks.thresholds import UNKNOWN
from cnnxfer.training.optimization.devices import Devices, prepare_devices


@dataclass(frozen=True)
class Parts:
    """A run's images by part; labels index the run's class names."""

    train: list[Example]
    validation: list[Example]
    test: list[Example]


@dataclass(frozen=True)
class Data:
    """Sound images, each in its part.

    Attributes:
        name: short, for the names of runs.
        class_names: in label order.
        examples: in the order of their content's hashes; labels index `class_names`.
        parts: where each of them belongs, beside `examples`.
        multi_label: whether an image may have any number of labels.
    """

    name: str
    class_names: tuple[str, ...]
    examples: tuple[Example, ...]
    parts: tuple[str, ...]
    multi_label: bool = False

    def label_of(self, example: Example) -> str:
        """Returns the name of an example's class; several are joined."""
        return DIVIDER.join(self.class_names[label] for label in example.labels)

    def split(self) -> Parts:
        """Returns the images by part."""
        lists: dict[str, list[Example]] = {part: [] for part in PARTS}
        for example, part in zip(self.examples, self.parts, strict=True):
            lists[part].append(example)
        return Parts(lists[TRAIN], lists[VALIDATION], lists[TEST])


def read_data(config: Config, reporter: Reporter) -> Data:
    """Lists the images, looks at each, leaves out what is broken, and splits them.

    Raises:
        ConfigError: if the configuration does not suit the data.
        DataError: if no classifier can be trained on the data.
    """
    dataset = load_dataset(config.data, reporter)
    if config.exclude:
        dataset = exclude_listed(dataset, Path(config.exclude), reporter)
    ids = [example.id for example in dataset.examples]
    names = group_names(dataset, config.group_by) if config.group_by and ids else []
    group_of = dict(zip(ids, names, strict=True)) if names else {}
    rows = report_problems(build_index(dataset.examples, reporter), reporter)
    class_names, rows = leave_out_untrained(dataset.class_names, rows, reporter)
    rows = [rows[index] for index in take_sample(rows, config.limit)]
    groups = [group_of[row.example.id] for row in rows] if group_of else []
    duplicates = near_duplicates(rows)
    parts = assign_parts(
        rows,
        config.split,
        shuffled=dataset.shuffled,
        groups=groups or None,
        duplicates=duplicates,
    )
    facts = Facts(
        class_names,
        rows,
        parts,
        near=duplicates,
        groups=groups,
    )
    warn_of(quick_findings(facts), config.data, reporter)
    counts = [f"{parts.count(part)} {part}" for part in PARTS]
    reporter.info(
        f"{dataset.title or dataset.name}: {len(rows)} images of {len(class_names)} "
        f"classes: {', '.join(counts)}"
    )
    # By content, so that names and places have no say in what is learned.
    # Copies may have several labels.
    examples = [row.example for row in rows]
    order = sorted(
        range(len(rows)),
        key=lambda index: (examples[index].sha256, examples[index].labels),
    )
    return Data(
        dataset.name,
        class_names,
        tuple(examples[index] for index in order),
        tuple(parts[index] for index in order),
        dataset.multi_label,
    )


def claim_processors(devices: str, precision: str) -> tuple[Devices, str]:
    """Returns what trains, and in which precision; while nothing has been computed yet.

    Args:
        devices: of the settings.
        precision: the same.

    Raises:
        ConfigError: if this machine can't do that.
    """
    claimed = prepare_devices(devices)
    return claimed, resolve_precision(precision, claimed.compute_capability)


def prepare_run(config: Config, runs_dir: Path, reporter: Reporter) -> Setup:
    """Reads the data, splits it, and makes the run directory.

    The directory is a run once it has its receipt and then its settings.

    Raises:
        ConfigError: if the configuration does not suit the machine or the data.
        DataError: if no classifier can be trained on the data.
    """
    devices, precision = claim_processors(config.devices, config.precision)
    data = read_data(config, reporter)
    require_known_classes(config.class_weights, data.class_names)
    run = create_run(runs_dir, config.backbone, data.name)
    run.write_classes(data.class_names)
    run.write_split(
        SplitRow(example.id, data.label_of(example), part, example.sha256)
        for example, part in zip(data.examples, data.parts, strict=True)
    )
    if data.multi_label:  # the file says so; the phase chooses the numbers
        run.write_thresholds(dict.fromkeys(data.class_names, UNKNOWN))
    return Setup(
        config=config,
        backbone=BACKBONES.get(config.backbone),
        class_names=data.class_names,
        parts=data.split(),
        devices=devices,
        precision=precision,
        reporter=reporter,
        multi_label=data.multi_label,
        run=run,
    )


def load_parts(run: Run, reporter: Reporter) -> Parts:
    """Finds a run's images again.

    Raises:
        DataError: if some are gone.
    """
    spec = run.config.data
    found = {row.id: row for row in load_dataset(spec, reporter).examples}
    split = run.split
    labels = _labels(run, split)
    gone = [row.id for row in split if row.id not in found]
    if gone:
        raise DataError(
            f"{len(gone)} of the {len(split)} images of {run.path} are no longer "
            f"in {spec}, such as {gone[0]}. Put them back, or train a new run."
        )
    examples = tuple(
        replace(found[row.id], labels=labels[row.label], sha256=row.sha256)
        for row in split
    )
    parts = tuple(row.split for row in split)
    return Data(spec, run.class_names, examples, parts).split()


def _labels(run: Run, split: Iterable[SplitRow]) -> dict[str, tuple[int, ...]]:
    """Returns what each text in the column of labels means."""
    label_of = {name: label for label, name in enumerate(run.class_names)}
    if run.thresholds is None:
        return {name: (label,) for name, label in label_of.items()}
    return {
        row.label: tuple(label_of[name] for name in row.label.split(DIVIDER) if name)
        for row in split
    }


def data_hash(split: Iterable[SplitRow]) -> str:
    """Returns one SHA-256 for all images, their labels and their parts."""
    lines = sorted(f"{row.sha256} {row.label} {row.split}\n" for row in split)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Task:
    """What is to be learned, from which images, on which processors.

    Attributes:
        config: all settings.
        backbone: the catalog's entry.
        class_names: in label order.
        parts: the images.
        devices: the processors.
        precision: of the backbone: a key of `precision.POLICIES`.
        reporter: told of the progress.
        multi_label: whether an image may have any number of labels.
    """

    config: Config
    backbone: Backbone
    class_names: tuple[str, ...]
    parts: Parts
    devices: Devices
    precision: str
    reporter: Reporter
    multi_label: bool

    @property
    def image_size(self) -> int:
        """Side in pixels of what the network sees."""
        return self.config.image_size or self.backbone.image_size

    def build_classifier(
        self, *, precision: str, weights_path: Path | None = None
    ) -> keras.Model:
        """Builds the network; see `model.build_classifier`.

        Random weights follow from the seed of the settings.
        """
        with _seeded(self.config.seed):
            return build_classifier(
                self.backbone,
                image_size=self.image_size,
                num_classes=len(self.class_names),
                head=self.config.head,
                dropout=self.config.dropout,
                precision=precision,
                weights_path=weights_path,
            )


@dataclass(frozen=True)
class Setup(Task):
    """A run with everything that its phases train with.

    Attributes:
        run: the run directory.
    """

    run: Run

    @property
    def more_epochs(self) -> int:
        """How many epochs were added to those of the settings, by `resume`."""
        return int(self.run.receipt.get("more_epochs", 0))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds what Keras draws the seeds of new layers from, and nothing for good.

    A caller's own random numbers go on as they would have without us.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def set_up(run: Run, reporter: Reporter) -> Setup:
    """Claims the processors and finds the images of a run.

    What it computes in stays what it began with, on whatever machine it goes on.

    Raises:
        ConfigError: if the devices cannot be used.
        DataError: if images are gone.
    """
    config = run.config
    devices, precision = claim_processors(
        config.devices, run.receipt.get("precision", config.precision)
    )
    return Setup(
        config=config,
        backbone=BACKBONES.get(config.backbone),
        class_names=run.class_names,
        parts=load_parts(run, reporter),
        devices=devices,
        precision=precision,
        reporter=reporter,
        multi_label=run.thresholds is not None,
        run=run,
    )


def find_weights_file(config: Config, reporter: Reporter) -> Path | None:
    """Returns the file of the backbone's first weights; None for random ones.

    Raises:
        ConfigError: if a file of one's own is gone.
        DataError: if a published file is damaged.
        RunError: if it could not be downloaded.
    """
    if config.weights == "none":
        return None
    if config.weights == "imagenet":
        backbone = BACKBONES.get(config.backbone)
        return ensure_weights(backbone, include_top=False, reporter=reporter)
    path = Path(config.weights)
    if not path.is_file():
        raise ConfigError(f"--weights {path} is no file any more. Bring it back.")
    return path
