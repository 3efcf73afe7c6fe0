"""Divides images into the splits train, validation and test."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cnnxfer.data.dataset import SPLITS, TEST, TRAIN, VALIDATION, IndexRow
from cnnxfer.data.preparing.groups import connected_groups
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.spelling import option

SLICES = "slices"


class EmptySplitError(DataError):
    """Raised where a split that is needed stays empty."""

    def __init__(self, split: str, message: str) -> None:
        """Keeps the name of the split: "train" or "validation"."""
        super().__init__(message)
        self.split = split


@dataclass(frozen=True)
class Ratios:
    """The shares of the three splits, of 100 or of 1; only that of test may be 0."""

    train: float
    validation: float
    test: float


def parse_split(text: str) -> Ratios | None:
    """Returns the shares that `--split` means: "75/15/10", or None for "slices".

    Raises:
        ConfigError: if it is neither.
    """
    if text == SLICES:
        return None
    try:
        ratios = Ratios(*(float(share) for share in text.split("/")))
    except (ValueError, TypeError):
        ratios = Ratios(0, 0, 0)
    shares = (ratios.train, ratios.validation, ratios.test)
    finite = all(map(math.isfinite, shares))
    if not finite or min(ratios.train, ratios.validation) <= 0 or ratios.test < 0:
        raise ConfigError(
            f"{option('--split')} is {text!r}; expected TRAIN/VALIDATION/TEST such as "
            "75/15/10, with train and validation above 0, or slices."
        )
    total = math.fsum(shares)
    if not any(math.isclose(total, whole, rel_tol=1e-6) for whole in (100, 1)):
        parts = [f"{100 * share / total:.3g}" for share in shares]
        raise ConfigError(
            f"{option('--split')} is {text!r}, whose shares add up to {total:g}, not "
            f"to 100. In these proportions, it would be {'/'.join(parts)}."
        )
    return ratios


def assign_splits(
    rows: Sequence[IndexRow],
    split: str,
    *,
    shuffled: bool,
    groups: Sequence[str] | None = None,
    duplicates: Iterable[Sequence[int]] | None = None,
) -> list[str]:
    """Returns the split of each row: "train", "validation" or "test".

    Splits that the data set has are kept; a missing one is taken from train. An
    image's split follows from its content alone, on every machine and whatever its
    name, and does not change when other images are added or removed. So the shares of
    each class vary by chance: of `n` images, the tenth for test is `n / 10`, give or
    take `0.3 * sqrt(n)`. There are three exceptions:

    - Near-duplicates stay in one split, even if they are of several classes. It
      follows from one of them; if that one is removed, the split may change.
    - The images of a group stay in one split, which follows from the group's name.
      Groups that share near-duplicates count as one.
    - A class without an image in a split gets its nearest image from another split
      that keeps one. A class's only image is for train; of two images, one is for
      train and one for validation.

    Args:
        rows: readable images, with any number of labels.
        split: shares or "slices", as `parse_split` takes them. With "slices", the
            first tenth of the rows is for test, up to a quarter for validation, and
            the rest for training.
        shuffled: whether the order of the rows is random, as slices need.
        groups: a name for each row; rows with the same name stay together, and rows
            with an empty name are in no group. None for no groups.
        duplicates: the result of `near_duplicates(rows)`; None to compute it here.

    Raises:
        ConfigError: if slices are requested of rows in order of class, of a data set
            that has splits, or with groups.
        EmptySplitError: if train or validation stays empty.
    """
    ratios = parse_split(split)
    if ratios is None:
        splits = _slices(rows, shuffled, groups)
        reason = "slices need three images. Add some"
    else:
        if duplicates is None:
            # It imports NumPy, which is too slow where only an option is checked.
            from cnnxfer.data.preparing.near_duplicates import near_duplicates

            duplicates = near_duplicates(rows)
        splits, units = _by_content(rows, ratios, groups, duplicates)
        reason = _shortage(rows, units, is_grouped=groups is not None)
    for name in (TRAIN, VALIDATION):
        if name not in splits:
            raise EmptySplitError(
                name, f"no image is left for {name} out of {len(rows)}: {reason}."
            )
    return splits


def kept_together(
    names: Sequence[str], duplicates: Iterable[Sequence[int]]
) -> list[list[int]]:
    """Returns all indices, those of one group or of near-duplicates in one list.

    Args:
        names: the name of each index's group; "" for none.
        duplicates: groups of indices that stay together, too.
    """
    firsts: dict[str, int] = {}

    def links() -> Iterator[tuple[int, int]]:
        for index, name in enumerate(names):
            yield index, firsts.setdefault(name, index) if name else index
        for group in duplicates:
            yield from ((group[0], other) for other in group[1:])

    return connected_groups(links())


def _slices(
    rows: Sequence[IndexRow], shuffled: bool, groups: Sequence[str] | None
) -> list[str]:
    usual = option("--split", "75/15/10")
    if groups is not None:
        raise ConfigError(
            f"{option('--split', 'slices')} cuts by order, which keeps no groups "
            f"together. Use {usual} with {option('--group-by')}."
        )
    if not shuffled:
        raise ConfigError(
            f"{option('--split', 'slices')} needs a TFDS set, whose order is mixed; "
            f"files in folders are in order of class. Use {usual}."
        )
    existing = {row.example.split for row in rows} - {None}
    if existing:
        raise ConfigError(
            f"{option('--split', 'slices')} divides data without splits; this data "
            f"has its own: {', '.join(sorted(map(str, existing)))}. Use {usual}, which "
            "keeps them and takes what is missing from train."
        )
    count = len(rows)
    # Rounded as TFDS rounds train[:10%].
    test_end, validation_end = round(count * 10 / 100), round(count * 25 / 100)
    return (
        [TEST] * test_end
        + [VALIDATION] * (validation_end - test_end)
        + [TRAIN] * (count - validation_end)
    )


@dataclass
class _Unit:
    """Images that stay in one split."""

    indices: list[int]
    labels: set[int]  # of all images; -1 stands for an image without labels
    position: float  # in [0, 1); it follows from their group or content
    split: str


def _by_content(
    rows: Sequence[IndexRow],
    ratios: Ratios,
    groups: Sequence[str] | None,
    duplicates: Iterable[Sequence[int]],
) -> tuple[list[str], list[_Unit]]:
    """Returns the split of each row, and the units of those that could be moved."""
    ranges = _ranges({row.example.split for row in rows}, ratios)
    splits = [row.example.split or TRAIN for row in rows]
    free = {index for index, split in enumerate(splits) if split == TRAIN}
    names = groups or [""] * len(rows)
    units = []
    for together in kept_together(names, duplicates):
        if indices := [index for index in together if index in free]:
            labels = {
                label for i in indices for label in rows[i].example.labels or [-1]
            }
            position = _position(names[i] or rows[i].sha256 for i in indices)
            split = next(split for split in ranges if position < ranges[split][1])
            units.append(_Unit(indices, labels, position, split))
    _fill_empty_splits(units, ranges)
    for unit in units:
        for index in unit.indices:
            splits[index] = unit.split
    return splits, units


def _shortage(
    rows: Sequence[IndexRow], units: Sequence[_Unit], *, is_grouped: bool
) -> str:
    """Returns why a split may stay empty, and what to add."""
    labels = Counter(
        label
        for unit in units
        for i in unit.indices
        for label in rows[i].example.labels
    )
    parted = Counter(label for unit in units for label in unit.labels)
    advice = "Add images: at least two of each class, better some dozens"
    if max(labels.values(), default=1) == 1:
        return f"each class has one image to train on. {advice}"
    if max(parted.values(), default=1) > 1:
        return f"each is the only one of one of its labels. {advice}"
    if is_grouped:
        return (
            f"those of each class are in one group of {option('--group-by')}, or look "
            f"alike, and stay together. {advice}, in different groups"
        )
    return (
        "those of each class are near-duplicates of each other, which stay together. "
        f"{advice}, that do not look alike"
    )


Ranges = Mapping[str, tuple[float, float]]


def _ranges(existing: set[str | None], ratios: Ratios) -> Ranges:
    """Returns the range of positions in [0, 1] of each missing split, and of train."""
    shares = {TEST: ratios.test, VALIDATION: ratios.validation}
    missing = {
        split: share
        for split, share in shares.items()
        if share > 0 and split not in existing
    }
    total = ratios.train + sum(missing.values())
    ranges, begin = {}, 0.0
    for split, share in missing.items():
        ranges[split] = begin, begin + share / total
        begin += share / total
    return {**ranges, TRAIN: (begin, 1.0)}


def _position(names: Iterable[str]) -> float:
    """Returns a number in [0, 1) that is a hash of one of the names."""
    texts = (f"split {name}".encode(errors="backslashreplace") for name in names)
    first = min(hashlib.sha256(text).digest() for text in texts)
    # The last bytes: the first bytes of the smallest of many hashes are low.
    return int.from_bytes(first[-6:]) / 2**48


def _fill_empty_splits(units: Sequence[_Unit], ranges: Ranges) -> None:
    """Gives every class at least one unit in each split, as long as it has enough."""
    counts = Counter((label, unit.split) for unit in units for label in unit.labels)
    of_class: dict[int, list[_Unit]] = defaultdict(list)
    for unit in units:
        for label in unit.labels:
            of_class[label].append(unit)
    totals = {label: len(found) for label, found in of_class.items()}
    order = [split for split in SPLITS if split in ranges]

    def needs(label: int, split: str) -> bool:
        return totals[label] > order.index(split)

    def can_move(unit: _Unit) -> bool:
        return all(
            counts[label, unit.split] > 1 or not needs(label, unit.split)
            for label in unit.labels
        )

    for label in sorted(totals, key=lambda label: (totals[label], label)):
        for split in order:
            if counts[label, split] or not needs(label, split):
                continue
            low, high = ranges[split]
            movable = [unit for unit in of_class[label] if can_move(unit)]
            if split == TRAIN:  # without it, the class cannot be learned at all
                movable = movable or of_class[label]
            if not movable:
                continue
            nearest = min(
                movable,
                key=lambda unit: max(low - unit.position, unit.position - high),
            )
            for moved in nearest.labels:
                counts[moved, nearest.split] -= 1
                counts[moved, split] += 1
            nearest.split = split
