"""Which image trains, which validates, which tests."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cnnxfer.data.dataset import PARTS, TEST, TRAIN, VALIDATION, IndexRow
from cnnxfer.data.preparing.groups import joined
from cnnxfer.errors import ConfigError, DataError

SLICES = "slices"


@dataclass(frozen=True)
class Ratios:
    """Shares of the three parts, in any unit; test may be 0."""

    train: float
    validation: float
    test: float


def parse_split(text: str) -> Ratios | None:
    """Reads `--split`: "75/15/10", or None for "slices".

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
            f"--split is {text!r}; expected TRAIN/VALIDATION/TEST such as 75/15/10, "
            "with train and validation above 0, or slices."
        )
    return ratios


def assign_parts(
    rows: Sequence[IndexRow],
    split: str,
    *,
    shuffled: bool,
    groups: Sequence[str] | None = None,
    duplicates: Iterable[Sequence[int]] | None = None,
) -> list[str]:
    """Returns the part of each row.

    Parts that the data set has are respected; a missing one is taken from train. An
    image's part follows from its content alone, on every machine and whatever its
    name, and it keeps it when others come or go. So each class has its shares by
    chance: of `n` images, the tenth for test is `n / 10`, give or take
    `0.3 * sqrt(n)`. There are three exceptions:

    - Near-duplicates are in one part, which follows from one of them, also when they
      are of several classes; if that one goes, the others' may change.
    - So are the images of a group, whose part follows from the group's name; groups
      that have near-duplicates in common count as one.
    - A class that has nothing in a part gets the one that is nearest to it, as long as
      every other part keeps one; the first image of a class trains, the second
      validates, the third tests.

    Args:
        rows: sound images, with any number of labels.
        split: as `parse_split` takes it. "slices" is the textbook's: the first tenth
            for test, up to a quarter for validation, the rest for training, whatever
            the images are.
        shuffled: whether the rows' order is mixed, as slices need.
        groups: a name a row; rows of one name stay together. Empty for none.
        duplicates: what `near_duplicates(rows)` returns, if that is known already.

    Raises:
        ConfigError: if slices are asked of rows in order of class, of a data set that
            has parts, or with groups.
        DataError: if a part that training needs stays empty.
    """
    ratios = parse_split(split)
    if ratios is None:
        parts = _slices(rows, shuffled, groups)
    else:
        if duplicates is None:
            # With NumPy, too slow to import where only an option is checked.
            from cnnxfer.data.preparing.near_duplicates import near_duplicates

            duplicates = near_duplicates(rows)
        parts = _by_content(rows, ratios, groups, duplicates)
    for part in (TRAIN, VALIDATION):
        if part not in parts:
            raise DataError(
                f"no image is left for {part} out of {len(rows)}; near-duplicates and "
                "groups stay in one part. Add images, or give it a larger share with "
                "--split."
            )
    return parts


def _slices(
    rows: Sequence[IndexRow], shuffled: bool, groups: Sequence[str] | None
) -> list[str]:
    if groups is not None:
        raise ConfigError(
            "--split slices cuts by order, which keeps no groups together. Use "
            "--split 75/15/10 with --group-by."
        )
    if not shuffled:
        raise ConfigError(
            "--split slices needs a TFDS set, whose order is mixed; files in folders "
            "are in order of class. Use --split 75/15/10."
        )
    given = {row.example.split for row in rows} - {None}
    if given:
        raise ConfigError(
            "--split slices cuts up a set of one part; this one has its own: "
            f"{', '.join(sorted(map(str, given)))}. Use --split 75/15/10, which keeps "
            "them and cuts what is missing from train."
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
    """Images that stay together.

    Attributes:
        indices: of their rows.
        labels: all of theirs; what has none counts as a class of its own.
        place: in [0, 1), from what they are.
        part: where they are.
    """

    indices: list[int]
    labels: set[int]
    place: float
    part: str


def _by_content(
    rows: Sequence[IndexRow],
    ratios: Ratios,
    groups: Sequence[str] | None,
    duplicates: Iterable[Sequence[int]],
) -> list[str]:
    ranges = _ranges({row.example.split for row in rows}, ratios)
    parts = [row.example.split or TRAIN for row in rows]
    free = {index for index, part in enumerate(parts) if part == TRAIN}
    names = groups or [""] * len(rows)
    units = []
    for together in _together(names, duplicates):
        if indices := [index for index in together if index in free]:
            labels = {
                label for i in indices for label in rows[i].example.labels or [-1]
            }
            place = _place(names[i] or rows[i].sha256 for i in indices)
            part = next(part for part in ranges if place < ranges[part][1])
            units.append(_Unit(indices, labels, place, part))
    _fill_up(units, ranges)
    for unit in units:
        for index in unit.indices:
            parts[index] = unit.part
    return parts


Ranges = Mapping[str, tuple[float, float]]


def _ranges(given: set[str | None], ratios: Ratios) -> Ranges:
    """Returns where in [0, 1] the parts lie that are cut from train, and train."""
    shares = {TEST: ratios.test, VALIDATION: ratios.validation}
    wanted = {
        part: share for part, share in shares.items() if share > 0 and part not in given
    }
    total = ratios.train + sum(wanted.values())
    ranges, begin = {}, 0.0
    for part, share in wanted.items():
        ranges[part] = begin, begin + share / total
        begin += share / total
    return {**ranges, TRAIN: (begin, 1.0)}


def _together(
    names: Sequence[str], duplicates: Iterable[Sequence[int]]
) -> list[list[int]]:
    """Returns all indices: those of one name, and duplicates, in one list."""
    firsts: dict[str, int] = {}

    def links() -> Iterator[tuple[int, int]]:
        for index, name in enumerate(names):
            yield index, firsts.setdefault(name, index) if name else index
        for group in duplicates:
            yield from ((group[0], other) for other in group[1:])

    return joined(links())


def _place(names: Iterable[str]) -> float:
    """Returns a number in [0, 1) that follows from one of the names, by chance."""
    texts = (f"split {name}".encode(errors="backslashreplace") for name in names)
    first = min(hashlib.sha256(text).digest() for text in texts)
    # Its end: the beginning of the least of many is low.
    return int.from_bytes(first[-6:]) / 2**48


def _fill_up(units: Sequence[_Unit], ranges: Ranges) -> None:
    """Gives every class at least one unit in each part, as long as it has enough."""
    found = Counter((label, unit.part) for unit in units for label in unit.labels)
    totals = Counter(label for unit in units for label in unit.labels)
    order = [part for part in PARTS if part in ranges]

    def needs(label: int, part: str) -> bool:
        return totals[label] > order.index(part)

    def can_spare(unit: _Unit) -> bool:
        return all(
            found[label, unit.part] > 1 or not needs(label, unit.part)
            for label in unit.labels
        )

    for label in sorted(totals, key=lambda label: (totals[label], label)):
        for part in order:
            if found[label, part] or not needs(label, part):
                continue
            low, high = ranges[part]
            having = [unit for unit in units if label in unit.labels]
            spare = [unit for unit in having if can_spare(unit)]
            if part == TRAIN:  # without it, the class cannot be learned at all
                spare = spare or having
            if not spare:
                continue
            nearest = min(
                spare, key=lambda unit: max(low - unit.place, unit.place - high)
            )
            for moved in nearest.labels:
                found[moved, nearest.part] -= 1
                found[moved, part] += 1
            nearest.part = part
