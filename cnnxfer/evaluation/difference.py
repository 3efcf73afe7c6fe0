"""What differs between two runs: settings, data, results, and what they ran on."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cnnxfer.evaluation.significance import (
    LEVEL,
    Accuracy,
    difference_interval,
    pair_chance,
    wilson_interval,
)
from cnnxfer.runs import Run, SplitRow

# What a receipt tells of the machine and the programs.
ORIGIN = ("cnnxfer", "python", "packages", "hardware", "weights_sha256")


@dataclass(frozen=True)
class Change:
    """A value that the two runs have differently; None where one has none.

    Attributes:
        name: what it is; dots lead into tables, such as `fine_tune.epochs`.
        one: of the first run.
        other: of the second.
    """

    name: str
    one: Any
    other: Any


@dataclass(frozen=True)
class DataDifference:
    """How the images of the second run differ, by their content.

    Attributes:
        images: how many the first run has, and the second.
        added: how many only the second has.
        removed: how many only the first has.
        relabelled: how many both have, under other labels.
        moved: how many both have, in another part.
        classes_added: names that only the second knows.
        classes_removed: names that only the first knows.
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
    """Shares of right answers; where both runs have one, how far chance explains them.

    Attributes:
        name: `validation` or `test`.
        one: of the first run; None if it was not measured.
        other: of the second.
        same_images: whether both were measured on the same images.
        low: lower end of the 95% interval of the difference, for independent samples,
            and so rather wide where both saw the same images; None without a pair.
        high: upper end.
        gained: how many images only the second answers right; None unless it was
            measured beside the first, or the reverse.
        lost: how many only the first does.
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
        """Whether chance alone rarely makes such a difference; None without a pair."""
        if self.gained is not None and self.lost is not None:
            return pair_chance(self.gained, self.lost) < LEVEL
        if self.low is None or self.high is None:
            return None
        return not self.low <= 0 <= self.high


@dataclass(frozen=True)
class RunDifference:
    """What differs between two runs.

    Attributes:
        one: name of the first.
        other: name of the second.
        settings: that differ, with the phase and the parent.
        data: of their images.
        results: on validation and test.
        training: how many epochs were trained, and which is the best.
        origin: versions, hardware and first weights that differ.
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
    """Compares two runs by their files; neither need be finished.

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
            _result("validation", one, other, _same_part("validation", *splits)),
            _result("test", one, other, _same_part("test", *splits)),
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
    ours, theirs = _by_content(one), _by_content(other)
    both = ours.keys() & theirs.keys()
    return DataDifference(
        images=(_count(ours, ours), _count(theirs, theirs)),
        added=_count(theirs, theirs.keys() - both),
        removed=_count(ours, ours.keys() - both),
        relabelled=sum(_labels(ours[key]) != _labels(theirs[key]) for key in both),
        moved=sum(_parts(ours[key]) != _parts(theirs[key]) for key in both),
        classes_added=tuple(sorted(set(other_classes) - set(one_classes))),
        classes_removed=tuple(sorted(set(one_classes) - set(other_classes))),
    )


Copies = dict[str, list[SplitRow]]


def _by_content(rows: Iterable[SplitRow]) -> Copies:
    copies: Copies = defaultdict(list)
    for row in rows:
        copies[row.sha256].append(row)
    return dict(copies)


def _count(copies: Copies, keys: Iterable[str]) -> int:
    return sum(len(copies[key]) for key in keys)


def _labels(rows: Iterable[SplitRow]) -> set[str]:
    return {row.label for row in rows}


def _parts(rows: Iterable[SplitRow]) -> set[str]:
    return {row.split for row in rows}


def _same_part(part: str, one: Iterable[SplitRow], other: Iterable[SplitRow]) -> bool:
    ours, theirs = (
        sorted((row.sha256, row.label) for row in rows if row.split == part)
        for rows in (one, other)
    )
    return ours == theirs


def _result(name: str, one: Run, other: Run, same_images: bool) -> ResultDifference:
    ours, theirs = one.metrics.get(name, {}), other.metrics.get(name, {})
    gained: int | None = None
    lost: int | None = None
    # A tuned run was measured beside its parent: image by image, on the same ones.
    if _measured_beside(theirs, one):
        ours, gained, lost = theirs["before"], theirs["gained"], theirs["lost"]
    elif _measured_beside(ours, other):
        theirs, gained, lost = ours["before"], ours["lost"], ours["gained"]
    pair = _share(name, one, ours), _share(name, other, theirs)
    low = high = None
    if pair[0] and pair[1]:
        low, high = difference_interval(pair[0], pair[1])
    return ResultDifference(name, *pair, same_images, low, high, gained, lost)


def _measured_beside(measured: Mapping[str, Any], parent: Run) -> bool:
    before = measured.get("before") or {}
    return bool(before.get("run") == parent.name)


def _share(name: str, run: Run, measured: Mapping[str, Any]) -> Accuracy | None:
    if measured:
        return Accuracy(**(measured.get("exact") or measured["top1"]))
    best = run.metrics.get(run.phase, {})
    if name != "validation" or not best.get("val_images"):
        return None
    images = best["val_images"]  # as training measured it
    return wilson_interval(round(best["val_accuracy"] * images), images)
