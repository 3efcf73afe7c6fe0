"""Readable images with their splits, as a new run has them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cnnxfer.config import Config
from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.run_checks import quick_findings, warn_of
from cnnxfer.data.dataset import (
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    Dataset,
    Example,
)
from cnnxfer.data.preparing.division import divide
from cnnxfer.data.preparing.exclude import exclude_listed
from cnnxfer.data.preparing.fit import fit_annotations
from cnnxfer.data.preparing.groups import group_names
from cnnxfer.data.preparing.index import (
    build_index,
    leave_out_untrained,
    pass_over_others,
    report_problems,
)
from cnnxfer.reporting import Reporter
from cnnxfer.runs import SplitRow


@dataclass(frozen=True)
class Splits:
    """The images of each split.

    Attributes:
        train: the images to train on.
        validation: the images that choose the best epoch.
        test: the images that the finished model is measured with.
    """

    train: list[Example]
    validation: list[Example]
    test: list[Example]


@dataclass(frozen=True)
class PreparedData:
    """Readable images, each with its split.

    Attributes:
        name: a short name, which names of runs begin with.
        class_names: the names of the classes, in label order.
        examples: the images, sorted by the SHA-256 of their content; their labels are
            indices into `class_names`.
        splits: the split of each example: "train", "validation" or "test".
    """

    name: str
    class_names: tuple[str, ...]
    examples: tuple[Example, ...]
    splits: tuple[str, ...]

    def by_split(self) -> Splits:
        """Returns the images of each split."""
        lists: dict[str, list[Example]] = {name: [] for name in SPLITS}
        for example, name in zip(self.examples, self.splits, strict=True):
            lists[name].append(example)
        return Splits(lists[TRAIN], lists[VALIDATION], lists[TEST])


def prepare_data(dataset: Dataset, config: Config, reporter: Reporter) -> PreparedData:
    """Reads each image of a data set, leaves out the unreadable ones and splits them.

    Args:
        dataset: the images.
        config: its `data`, `exclude`, `group_by`, `limit` and `split` are used.
        reporter: shows progress, warnings of problems, and the sizes of the splits.

    Raises:
        ConfigError: if the configuration does not suit the data.
        DataError: if no classifier can be trained on the data.
    """
    if config.exclude != "none":
        dataset = exclude_listed(dataset, Path(config.exclude), reporter)
    ids = [example.id for example in dataset.examples]
    is_grouped = config.group_by != "none" and ids
    names = group_names(dataset, config.group_by) if is_grouped else []
    group_of = dict(zip(ids, names, strict=True)) if names else {}
    rows = build_index(dataset.examples, reporter)
    rows, repairs = fit_annotations(pass_over_others(dataset, rows, reporter))
    rows = report_problems(rows, reporter)
    class_names, rows = leave_out_untrained(dataset.class_names, rows, reporter)
    division = divide(
        rows,
        limit=config.limit,
        split=config.split,
        shuffled=dataset.shuffled,
        groups=[group_of[row.example.id] for row in rows] if group_of else [],
    )
    rows, parts = division.rows, division.splits
    inspected = InspectedData(
        class_names,
        rows,
        parts,
        near=division.duplicates,
        groups=division.groups,
        repairs=repairs,
    )
    warn_of(quick_findings(inspected), config.data, reporter)
    counts = [f"{parts.count(part)} {part}" for part in SPLITS]
    reporter.info(
        f"{dataset.title or dataset.name}: {len(rows)} images of {len(class_names)} "
        f"classes: {', '.join(counts)}"
    )
    # Sorted by content, so that training does not depend on names and folders; and by
    # labels, since copies may have different ones.
    examples = [row.example for row in rows]
    order = sorted(
        range(len(rows)),
        key=lambda index: (examples[index].sha256, examples[index].labels),
    )
    return PreparedData(
        dataset.name,
        class_names,
        tuple(examples[index] for index in order),
        tuple(parts[index] for index in order),
    )


def data_hash(split: Iterable[SplitRow]) -> str:
    """Returns one SHA-256, in hexadecimal, of all images, labels and splits.

    Args:
        split: the rows of a run's `split.csv`, in any order.
    """
    lines = sorted(f"{row.sha256} {row.label} {row.split}\n" for row in split)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
