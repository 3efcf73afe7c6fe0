"""What the directory of a run tells without its images and its model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnxfer.data.dataset import SPLITS, TEST, TRAIN, VALIDATION
from cnnxfer.reporting import counted
from cnnxfer.runs import Run
from cnnxfer.runs.summary import percent, with_ancestors
from cnnxfer.spelling import command
from cnnxfer.tasks.catalog import task_of
from cnnxfer.tasks.score import ACCURACY, NAMES
from cnnxfer.tasks.significance import Accuracy, wilson_interval

UNKNOWN = "not measured"


@dataclass(frozen=True)
class Result:
    """How good a run is on one of its splits.

    Attributes:
        split: `validation` or `test`.
        images: how many images it has.
        value: the figure that stands for all, with its name and interval where known.
        before: the same of the run from which it was fine-tuned; "" without one.
    """

    split: str
    images: int
    value: str
    before: str


def sentence_of(run: Run) -> str:
    """Returns the run in a sentence: what learned what from how many images."""
    config, sizes = run.config, Counter(row.split for row in run.split)
    first = with_ancestors(run)[0]
    if parent := first.receipt.get("parent"):
        how = f"fine-tuned from {parent}, which is gone"
    elif first.phase == "scratch":
        how = "all its layers from random weights"
    else:
        how = f"a new head ({config.head}) on its frozen layers"
    if first != run:
        how += ", then fine-tuned"
    place = Path(config.data)
    data = place.name if place.is_absolute() else config.data
    classes = len(run.class_names)
    return (
        f"{config.backbone} learned {task_of(run).name} of {classes:,} "
        f"class{'es' * (classes != 1)} from "
        f"{counted(sizes[TRAIN], 'image')} of {data}: {how}."
    )


def results_of(run: Run) -> list[Result]:
    """Returns the run's figures on its validation and test images, as measured last."""
    sizes, metrics = Counter(row.split for row in run.split), run.metrics
    trained = {VALIDATION: (metrics.get(run.phase), metrics.get("before")), TEST: ()}
    results = []
    for split in (VALIDATION, TEST):
        measured = metrics.get(split)
        if measured:
            values = measured, measured.get("before")
            texts = [_measured(each) if each else "" for each in values]
        else:
            texts = [_trained(each) for each in trained[split]] or [UNKNOWN, ""]
        if sizes[split]:
            results.append(Result(split, sizes[split], *texts))
    return results


def commands_of(run: Run) -> list[str]:
    """Returns the commands that repeat a run, phase by phase."""
    first, *others = with_ancestors(run)
    if first.receipt.get("parent"):  # which is gone
        first, others = first, [first, *others]
        commands = []
    else:
        commands = [command("train", config=first.path / "config.toml")]
    commands += [
        command("unfreeze", each.receipt["parent"], config=each.path / "config.toml")
        for each in others
    ]
    return commands


def origin_of(run: Run) -> Iterator[tuple[str, str]]:
    """Yields the names and values of the receipt, nested ones with dots."""
    yield from _flat(run.receipt)


def split_sizes(run: Run) -> dict[str, int]:
    """Returns the number of images of each split."""
    sizes = Counter(row.split for row in run.split)
    return {split: sizes[split] for split in SPLITS}


def _measured(measured: Mapping[str, Any]) -> str:
    headline = measured.get("headline")
    share = headline or measured["right"]
    value = Accuracy(share["value"], share["low"], share["high"]).text
    return f"{NAMES[headline['figure'] if headline else ACCURACY]} {value}"


def _trained(figures: Mapping[str, Any] | None) -> str:
    if not figures:
        return ""
    monitor = figures.get("monitor", ACCURACY)
    value = figures.get(f"val_{monitor.replace('-', '_')}")
    if value is None:
        return ""
    images, text = figures.get("val_images"), percent(value)
    if monitor == ACCURACY and images:
        text = wilson_interval(round(value * images), images).text
    return f"{NAMES[monitor]} {text}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield f"{prefix}{name}", text
