"""Compares two runs: settings, data, results, software and hardware."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cnnxfer.runs import Run, SplitRow
from cnnxfer.tasks.score import NAMES
from cnnxfer.tasks.significance import (
    SIGNIFICANCE_LEVEL,
    Accuracy,
    difference_interval,
    mcnemar_p_value,
    wilson_interval,
)
from cnnxfer.texts import normal

# Entries of a receipt that describe the software, the machine and the initial weights.
ORIGIN = ("cnnxfer", "python", "packages", "hardware", "weights_sha256")


@dataclass(frozen=True)
class Change:
    """A value that differs between two runs.

    Attributes:
        name: the name of the value; that of a nested one has dots, as in
            `fine_tune.epochs`.
        one: the value of the first run; None if it has none.
        other: the value of the second run; None if it has none.
    """

    name: str
    one: Any
    other: Any


@dataclass(frozen=True)
class DataDifference:
    """How the images of two runs differ; they are compared by content.

    Attributes:
        images: the numbers of images of the first and of the second run.
        added: how many images only the second run has.
        removed: how many images only the first run has.
        relabelled: how many images of both have different labels.
        moved: how many images of both are in different splits.
        classes_added: the names of classes that only the second run has.
        classes_removed: the names of classes that only the first run has.
    """

    images: tuple[int, int]
    added: int
    removed: int
    relabelled: int
    moved: int
    classes_added: tuple[str, ...]
    classes_removed: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether there is a difference."""
        changes = (self.added, self.removed, self.relabelled, self.moved)
        return any(changes) or bool(self.classes_added or self.classes_removed)


@dataclass(frozen=True)
class ResultDifference:
    """A figure of two runs, and whether their difference is significant.

    Attributes:
        name: the name of the split, `validation` or `test`, and of the figure if it is
            not the accuracy.
        one: the figure of the first run; None if it was not measured.
        other: the figure of the second run; None if it was not measured.
        same_images: whether both were measured on the same images.
        low: the lower end of the 95% confidence interval of the difference. Where the
            answers are not at hand, it is for independent samples, so it is too wide
            for the same images. None if one of the figures is missing.
        high: the upper end of that interval.
        gained: how many images only the second run answers correctly; None where the
            answers to the same images are not at hand, or say nothing of the figure.
        lost: how many images only the first run answers correctly.
    """

    name: str
    one: Accuracy | None
    other: Accuracy | None
    same_images: bool
    low: float | None = None
    high: float | None = None
    gained: int | None = None
    lost: int | None = None

    @property
    def more_than_chance(self) -> bool | None:
        """Whether the difference is significant; None if an accuracy is missing."""
        if self.gained is not None and self.lost is not None:
            return mcnemar_p_value(self.gained, self.lost) < SIGNIFICANCE_LEVEL
        if self.low is None or self.high is None:
            return None
        return not self.low <= 0 <= self.high

    @property
    def verdict(self) -> str:
        """How much better B is than A, and whether that could be chance.

        It is "" if a figure or the interval is missing.
        """
        if not self.one or not self.other or self.low is None or self.high is None:
            return ""
        points = 100 * (self.other.value - self.one.value)
        better = f"{abs(points):.1f} points {'better' if points > 0 else 'worse'} than"
        text = f"{self.name}: B is {better if points else 'as good as'} A"
        if self.gained is not None and self.lost is not None:
            text += f"; {self.gained:,} images became right, {self.lost:,} wrong"
        else:
            text += f" (95% interval {100 * self.low:+.1f} to {100 * self.high:+.1f})"
        if not self.same_images:
            text += ", on other images"
        if not points:
            return text
        chance = "more than chance" if self.more_than_chance else "could be chance"
        return f"{text}: {chance}"


@dataclass(frozen=True)
class RunDifference:
    """What differs between two runs.

    Attributes:
        one: the name of the first run.
        other: the name of the second run.
        settings: the settings that differ, including the phase and the parent.
        data: the difference of the images.
        results: the results on the validation and test images.
        training: the numbers of epochs trained, and of the best one, if they differ.
        origin: versions, hardware and initial weights that differ.
    """

    one: str
    other: str
    settings: tuple[Change, ...]
    data: DataDifference
    results: tuple[ResultDifference, ...]
    training: tuple[Change, ...]
    origin: tuple[Change, ...]

    @property
    def any(self) -> bool:
        """Whether there is a difference."""
        results = any(
            result.one != result.other or result.gained or result.lost
            for result in self.results
        )
        changes = self.settings or self.training or self.origin
        return bool(changes) or self.data.any or results


def difference_of(one: Run, other: Run) -> RunDifference:
    """Compares the files of two runs, which need not be finished.

    Args:
        one: the first run.
        other: the second run.

    Raises:
        RunError: if a file is missing or damaged.
    """
    splits = one.split, other.split
    return RunDifference(
        one=one.name,
        other=other.name,
        settings=_changes(_settings(one), _settings(other)),
        data=_data_difference(*splits, one.class_names, other.class_names),
        results=(
            _result("validation", one, other, _same_split("validation", *splits)),
            _result("test", one, other, _same_split("test", *splits)),
        ),
        training=_changes(_training(one), _training(other)),
        origin=_changes(_origin(one), _origin(other)),
    )


def _settings(run: Run) -> dict[str, Any]:
    of_receipt = {"phase": run.phase, "parent": run.receipt.get("parent")}
    return of_receipt | _flat(dataclasses.asdict(run.config))


def _training(run: Run) -> dict[str, Any]:
    best = run.metrics.get(run.phase, {}).get("epoch")
    return {"epochs trained": len(run.history), "best epoch": best}


def _origin(run: Run) -> dict[str, Any]:
    receipt = run.receipt
    return _flat({name: receipt[name] for name in ORIGIN if name in receipt})


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _changes(one: dict[str, Any], other: dict[str, Any]) -> tuple[Change, ...]:
    return tuple(
        Change(name, one.get(name), other.get(name))
        for name in one | other
        if one.get(name) != other.get(name)
    )


def _data_difference(
    one: Iterable[SplitRow],
    other: Iterable[SplitRow],
    one_classes: Iterable[str],
    other_classes: Iterable[str],
) -> DataDifference:
    first, second = _by_content(one), _by_content(other)
    both = first.keys() & second.keys()
    return DataDifference(
        images=(_count(first, first), _count(second, second)),
        added=_count(second, second.keys() - both),
        removed=_count(first, first.keys() - both),
        relabelled=sum(_labels(first[key]) != _labels(second[key]) for key in both),
        moved=sum(_splits(first[key]) != _splits(second[key]) for key in both),
        classes_added=_only_in(other_classes, one_classes),
        classes_removed=_only_in(one_classes, other_classes),
    )


def _only_in(names: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    known = set(map(normal, others))
    return tuple(sorted(name for name in names if normal(name) not in known))


RowsByContent = dict[str, list[SplitRow]]


def _by_content(rows: Iterable[SplitRow]) -> RowsByContent:
    by_content: RowsByContent = defaultdict(list)
    for row in rows:
        by_content[row.sha256].append(row)
    return dict(by_content)


def _count(rows: RowsByContent, keys: Iterable[str]) -> int:
    return sum(len(rows[key]) for key in keys)


def _labels(rows: Iterable[SplitRow]) -> set[str]:
    return {normal(row.label) for row in rows}


def _splits(rows: Iterable[SplitRow]) -> set[str]:
    return {row.split for row in rows}


def _same_split(split: str, one: Iterable[SplitRow], other: Iterable[SplitRow]) -> bool:
    first, second = (
        sorted((row.sha256, normal(row.label)) for row in rows if row.split == split)
        for rows in (one, other)
    )
    return first == second


def _result(name: str, one: Run, other: Run, same_images: bool) -> ResultDifference:
    first, second = one.metrics.get(name, {}), other.metrics.get(name, {})
    gained: int | None = None
    lost: int | None = None
    # A fine-tuned run was measured with its parent, on the same images.
    if _measured_beside(second, one):
        first, gained, lost = second["before"], second.get("gained"), second.get("lost")
    elif _measured_beside(first, other):
        second, gained, lost = first["before"], first.get("lost"), first.get("gained")
    figure = _common_headline(first, second)
    if figure:
        pair = _value(first.get("headline")), _value(second.get("headline"))
        name = f"{name} {NAMES[figure]}"
        gained = lost = None  # boxes and masks are seldom right as a whole
    else:
        pair = _accuracy(name, one, first), _accuracy(name, other, second)
    low = high = None
    if pair[0] and pair[1]:
        low, high = difference_interval(pair[0], pair[1])
    return ResultDifference(name, *pair, same_images, low, high, gained, lost)


def _measured_beside(measured: Mapping[str, Any], parent: Run) -> bool:
    before = measured.get("before") or {}
    return bool(before.get("run") == parent.name)


def _common_headline(*measured: Mapping[str, Any]) -> str | None:
    """Returns the figure that stands for all of them; None for accuracy.

    Runs of different tasks have none in common.
    """
    names = {each.get("headline", {}).get("figure") for each in measured if each}
    return names.pop() if len(names) == 1 else None


def _value(share: Mapping[str, Any] | None) -> Accuracy | None:
    return Accuracy(share["value"], share["low"], share["high"]) if share else None


def _accuracy(name: str, run: Run, measured: Mapping[str, Any]) -> Accuracy | None:
    if measured:
        return _value(measured["right"])
    best = run.metrics.get(run.phase, {})
    if name != "validation" or not best.get("val_images") or "val_accuracy" not in best:
        return None
    images = best["val_images"]  # measured during training
    return wilson_interval(round(best["val_accuracy"] * images), images)
