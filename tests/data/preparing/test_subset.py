"""Tests that a limit takes the same share of every class, by content."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.preparing.splits import assign_splits
from cnnxfer.data.preparing.subset import sampling_order


def rows_of(*counts: int, split: str | None = None) -> list[IndexRow]:
    """Rows of classes 0, 1, ... with so many images each, in order of class."""
    rows = []
    for label, count in enumerate(counts):
        for number in range(count):
            name = f"{split} {label} {number}"
            sha256 = hashlib.sha256(name.encode()).hexdigest()
            rows.append(
                IndexRow(Example(name, Labels((label,)), split, Path(), sha256=sha256))
            )
    return rows


def take_sample(rows: list[IndexRow], limit: int) -> list[int]:
    return sorted(sampling_order(rows)[:limit])


def taken(rows: list[IndexRow], limit: int) -> Counter[tuple[int, ...]]:
    return Counter(rows[index].example.labels for index in take_sample(rows, limit))


@pytest.mark.parametrize("limit", [20, 99, 100, 350])
def test_the_same_share_of_every_class_is_taken(limit):
    rows = rows_of(400, 200, 100)
    found = taken(rows, limit)
    assert found.total() == limit
    for label, count in enumerate((400, 200, 100)):
        assert found[label,] == pytest.approx(limit * count / 700, abs=1)


def test_the_order_of_images_does_not_decide_the_sample():
    indices = take_sample(rows_of(1000), 100)
    assert indices == sorted(indices)
    assert 400 < np.mean(indices) < 600


def test_a_rare_class_keeps_images_for_all_parts():
    rows = rows_of(1000, 5, 2)
    assert taken(rows, 20) == {(0,): 15, (1,): 3, (2,): 2}
    for limit in range(3, 20):
        assert min(taken(rows, limit)[label,] for label in range(3)) >= 1


def test_a_larger_sample_contains_the_smaller_one():
    rows = rows_of(60, 25, 4)
    smaller: set[int] = set()
    for limit in range(3, 90):
        larger = set(take_sample(rows, limit))
        assert len(larger) == limit
        assert smaller < larger
        smaller = larger


def test_the_sample_depends_on_the_content_of_images():
    rows = rows_of(60, 25)
    expected = {rows[index].sha256 for index in take_sample(rows, 20)}
    order = np.random.default_rng(0).permutation(len(rows))
    renamed = [
        replace(row, example=replace(row.example, id=f"other {index}"))
        for index, row in ((index, rows[index]) for index in order)
    ]
    found = {renamed[index].sha256 for index in take_sample(renamed, 20)}
    assert found == expected


def test_parts_are_the_same_shares_of_a_sample():
    rows = rows_of(2000, 2000)
    parts = assign_splits(rows, "75/15/10", shuffled=False)
    shares = Counter(parts[index] for index in take_sample(rows, 1000))
    assert shares["train"] == pytest.approx(750, abs=45)
    assert shares["validation"] == pytest.approx(150, abs=35)
    assert shares["test"] == pytest.approx(100, abs=30)


def test_parts_of_the_data_keep_their_shares():
    rows = rows_of(80, 40, split="train") + rows_of(20, 10, split="test")
    found = Counter(
        (rows[index].example.split, rows[index].example.label)
        for index in take_sample(rows, 75)
    )
    assert found == {
        ("train", 0): 40,
        ("train", 1): 20,
        ("test", 0): 10,
        ("test", 1): 5,
    }


def test_multi_label_images_are_sampled_by_their_rarest_label():
    rows = [
        replace(row, example=replace(row.example, annotation=Labels(labels)))
        for row, labels in zip(
            rows_of(100),
            [(0,)] * 60 + [(0, 1)] * 30 + [(2, 1, 0)] * 4 + [()] * 6,
            strict=True,
        )
    ]
    assert taken(rows, 50) == {(0,): 29, (0, 1): 15, (2, 1, 0): 3, (): 3}
