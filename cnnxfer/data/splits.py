"""Which image trains, which validates, which tests."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cnnxfer.data.dataset import IndexRow
from cnnxfer.errors import ConfigError, DataError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = (TRAIN, VALIDATION, TEST)
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


def assign_parts(rows: Sequence[IndexRow], split: str, *, shuffled: bool) -> list[str]:
    """Returns the part of each row.

    Parts that the data set has are respected; a missing one is taken from train,
    the same share of every class. An image's place follows from its content, not
    from its name or the order of files, and copies of one image stay together.

    Args:
        rows: sound images.
        split: as `parse_split` takes it. "slices" is the textbook's: the first tenth
            for test, up to a quarter for validation, the rest for training.
        shuffled: whether the rows' order is mixed, as slices need.

    Raises:
        ConfigError: if slices are asked of rows in order of class, or of a data set
            that has parts.
        DataError: if a part that training needs stays empty.
    """
    ratios = parse_split(split)
    parts = _slices(rows, shuffled) if ratios is None else _by_content(rows, ratios)
    for part in (TRAIN, VALIDATION):
        if part not in parts:
            raise DataError(
                f"no image is left for {part} out of {len(rows)}. "
                "Add images, or give it a larger share with --split."
            )
    return parts


def _slices(rows: Sequence[IndexRow], shuffled: bool) -> list[str]:
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


def _by_content(rows: Sequence[IndexRow], ratios: Ratios) -> list[str]:
    given = {row.example.split for row in rows}
    shares = {VALIDATION: ratios.validation, TEST: ratios.test}
    wanted = {
        part: share
        for part, share in shares.items()
        if share > 0 and (given == {None} or part not in given)
    }
    total = ratios.train + sum(wanted.values())
    parts = [row.example.split or TRAIN for row in rows]
    for copies in _classes_of_copies(rows, parts):
        for part, group in _draw(copies, wanted, total):
            for index in group:
                parts[index] = part
    return parts


def _classes_of_copies(
    rows: Sequence[IndexRow], parts: Sequence[str]
) -> Iterable[list[list[int]]]:
    """Returns for each class its training images' indices, copies of one together.

    Images come in the order of their hashes: mixed, and the same everywhere. Copies
    that were put in several classes count for the first of these.
    """
    copies: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if parts[index] == TRAIN:
            copies[row.sha256].append(index)
    by_class: dict[int, list[list[int]]] = defaultdict(list)
    for sha256 in sorted(copies):
        group = copies[sha256]
        by_class[min(rows[index].example.label for index in group)].append(group)
    return by_class.values()


def _draw(
    copies: list[list[int]], wanted: dict[str, float], total: float
) -> Iterable[tuple[str, list[int]]]:
    """Yields what leaves train: each part's share, at least one while one remains."""
    begin = 0
    for part, share in wanted.items():
        end = begin + max(1, round(len(copies) * share / total))
        end = min(end, len(copies) - 1)
        for group in copies[begin:end]:
            yield part, group
        begin = end
