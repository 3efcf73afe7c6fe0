"""Tests that a limit is kept, and that the limit which a message asks for suffices."""

import random
import re
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from cnnxfer.data.dataset import SPLITS, IndexRow
from cnnxfer.data.preparing import division
from cnnxfer.data.preparing.division import Division, divide
from cnnxfer.data.preparing.splits import EmptySplitError
from cnnxfer.errors import ConfigError

sys.path.insert(0, str(Path(__file__).parent))

from test_splits import labelled, row, rows_of


def divided(rows: list[IndexRow], limit: int | str, **more: object) -> Division:
    settings = {"split": "75/15/10", "shuffled": False, **more}
    return divide(rows, limit=limit, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", ["all", 30, 31, 1000])
def test_all_images_are_used_if_the_limit_allows(limit):
    rows = rows_of(20, 10)
    assert divided(rows, limit).rows == rows


def test_the_sample_has_its_groups_and_splits():
    rows = rows_of(40, 40)
    groups = [f"plant {index // 4}" for index in range(80)]
    found = divided(rows, 30, groups=groups)
    assert len(found.rows) == len(found.groups) == len(found.splits) == 30
    assert found.groups == [groups[rows.index(row)] for row in found.rows]
    by_group = set(zip(found.groups, found.splits, strict=True))
    assert len(by_group) == len(set(found.groups))


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (2, "limit is 2; expected at least 4, so that every class has an image in"),
        (3, "limit is 3; expected at least 4, so that an image is left for validation"),
    ],
)
def test_a_limit_that_is_too_low_is_refused(limit, message):
    with pytest.raises(ConfigError, match=message):
        divided(rows_of(10, 10, 10), limit)


def test_near_duplicates_raise_the_limit_that_suffices(monkeypatch):
    rows = rows_of(90, 3)

    def alike(chosen: list[IndexRow]) -> list[list[int]]:
        names = [row.example.id for row in chosen]
        return [[i for i, name in enumerate(names) if name[-2:] != " 7"]]

    monkeypatch.setattr(division, "near_duplicates", alike)
    with pytest.raises(ConfigError) as caught:
        divided(rows, 2)
    enough = int(re.search(r"at least (\d+)", str(caught.value))[1])
    assert enough > 2
    divided(rows, enough)


def test_what_no_limit_can_help_is_told_of_all_images():
    rows = rows_of(1, 1, 1) + rows_of(9, 9, split="test")
    with pytest.raises(EmptySplitError, match="out of 21: each class has one image"):
        divided(rows, 5)


@dataclass
class Case:
    """Rows of 2 to 4 classes in the parts that data may have, and a limit."""

    rows: list[IndexRow]
    groups: list[str]
    more: dict[str, object]
    limit: int


PARTS = [(None,), ("train",), ("train", "validation"), ("train", "test"), SPLITS]


def case_of(chance: random.Random) -> Case:
    parts, classes = chance.choice(PARTS), range(chance.randint(2, 4))
    rows = []
    for label, part in product(classes, parts):
        images = chance.choice([1, 1, 1, 2, 6]) - (part in SPLITS[1:])
        rows += [row(f"{label} {part} {n}", label, part) for n in range(images)]
    if chance.random() < 0.4:
        others = chance.choices(classes, k=len(rows))
        rows = labelled(
            rows,
            [
                tuple(sorted({image.example.label, other}))
                for image, other in zip(rows, others, strict=True)
            ],
        )
    groups = [f"group {chance.randint(0, 5)}" for _ in rows]
    groups = groups if chance.random() < 0.4 else []
    slices = parts == (None,) and not groups and chance.random() < 0.3
    split = "slices" if slices else chance.choice(["75/15/10", "50/50/0", "1/1/98"])
    more = {"split": split, "shuffled": slices}
    return Case(rows, groups, more, chance.randint(1, len(rows)))


def trained(rows: list[IndexRow], splits: list[str]) -> set[int]:
    """Returns the labels of the images to train on."""
    pairs = zip(rows, splits, strict=True)
    return {
        label
        for image, part in pairs
        if part == "train"
        for label in image.example.labels
    }


@pytest.mark.parametrize("seed", range(4))
def test_the_advice_of_each_message_suffices(seed: int):
    chance = random.Random(seed)
    asked = added = 0
    for case in (case_of(chance) for _ in range(200)):
        try:
            divided(case.rows, case.limit, groups=case.groups, **case.more)
        except ConfigError as error:
            enough = int(re.search(r"expected at least (\d+)", str(error))[1])
            assert enough > case.limit
            found = divided(case.rows, enough, groups=case.groups, **case.more)
            if case.more["split"] != "slices":
                assert trained(found.rows, found.splits) == trained(
                    case.rows, [image.example.split or "train" for image in case.rows]
                )
            asked += 1
        except EmptySplitError:  # its message says to add two images of each class
            part = "train" if case.rows[0].example.split else None
            labels = sorted({name for row in case.rows for name in row.example.labels})
            new = [
                row(f"new {label} {number}", label, part)
                for label in labels
                for number in range(2)
            ]
            groups = case.groups and [*case.groups, *(image.sha256 for image in new)]
            divided([*case.rows, *new], "all", groups=groups, **case.more)
            added += 1
    assert min(asked, added) > 5
