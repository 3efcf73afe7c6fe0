"""Splits: stratified by content, copies together, given parts kept, slices."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.splits import Ratios, assign_parts, parse_split
from cnnxfer.errors import ConfigError, DataError

DEFAULT = "75/15/10"


def row(
    content: object, label: int, split: str | None = None, name: str = ""
) -> IndexRow:
    sha256 = hashlib.sha256(str(content).encode()).hexdigest()
    return IndexRow(Example(name or str(content), label, split, Path(), sha256=sha256))


def rows_of(*counts: int, split: str | None = None) -> list[IndexRow]:
    """Rows of classes 0, 1, ... with so many images each."""
    return [
        row(f"{split} {label} {number}", label, split)
        for label, count in enumerate(counts)
        for number in range(count)
    ]


def parts_of(rows: list[IndexRow], split: str = DEFAULT) -> list[str]:
    return assign_parts(rows, split, shuffled=False)


def counts(rows: list[IndexRow], parts: list[str], label: int) -> tuple[int, int, int]:
    found = Counter(
        part
        for row, part in zip(rows, parts, strict=True)
        if row.example.label == label
    )
    return found["train"], found["validation"], found["test"]


@pytest.mark.parametrize(
    ("text", "ratios"),
    [
        ("75/15/10", Ratios(75, 15, 10)),
        ("0.8/0.2/0", Ratios(0.8, 0.2, 0)),
        ("slices", None),
    ],
)
def test_splits_are_read(text, ratios):
    assert parse_split(text) == ratios


@pytest.mark.parametrize(
    "text",
    [
        *("", "75", "75/25", "75/15/10/5", "a/b/c", "0/50/50", "90/0/10", "80/30/-10"),
        *("nan/15/10", "75/nan/10", "75/15/nan", "inf/15/10", "slice"),
    ],
)
def test_a_split_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match=r"--split is '.*'; expected .*75/15/10"):
        parse_split(text)


def test_every_class_is_split_in_the_same_shares():
    rows = rows_of(200, 100, 40, 20)
    parts = parts_of(rows)
    assert counts(rows, parts, 0) == (150, 30, 20)
    assert counts(rows, parts, 1) == (75, 15, 10)
    assert counts(rows, parts, 2) == (30, 6, 4)
    assert counts(rows, parts, 3) == (15, 3, 2)


@pytest.mark.parametrize(
    ("images", "expected"),
    [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (4, (2, 1, 1)), (7, (5, 1, 1))],
)
def test_a_small_class_trains_first_then_validates(images, expected):
    rows = rows_of(images, 100)
    assert counts(rows, parts_of(rows), 0) == expected


def test_an_image_goes_where_its_content_says():
    rows = rows_of(100, 60)
    by_content = dict(zip([row.sha256 for row in rows], parts_of(rows), strict=True))
    order = np.random.default_rng(0).permutation(len(rows))
    renamed = [
        IndexRow(replace(rows[index].example, id=f"other {index}")) for index in order
    ]
    for image, part in zip(renamed, parts_of(renamed), strict=True):
        assert part == by_content[image.sha256]


def test_the_first_images_are_not_favoured():
    rows = rows_of(400)
    tested = [i for i, part in enumerate(parts_of(rows)) if part == "test"]
    assert 150 < np.mean(tested) < 250


def test_copies_stay_together():
    rows = [
        row(f"picture {number // 4}", number // 80, name=f"{number}")
        for number in range(160)
    ]
    parts = parts_of(rows)
    assert set(parts) == {"train", "validation", "test"}
    for first in range(0, 160, 4):
        assert len(set(parts[first : first + 4])) == 1


def test_copies_in_several_classes_stay_together_in_any_order():
    rows = rows_of(60, 10) + [
        row(f"both {number}", label, name=f"{label} {number}")
        for label in (0, 1)
        for number in range(20)
    ]
    expected = {
        (row.sha256, part) for row, part in zip(rows, parts_of(rows), strict=True)
    }
    assert len(expected) == 90  # one part for each content
    back = rows[::-1]
    found = {(row.sha256, part) for row, part in zip(back, parts_of(back), strict=True)}
    assert found == expected


def test_parts_that_the_data_set_has_are_kept():
    rows = [
        image
        for split, count in (("train", 30), ("validation", 3), ("test", 7))
        for image in rows_of(count, count, split=split)
    ]
    assert parts_of(rows) == [row.example.split for row in rows]


def test_a_missing_validation_is_taken_from_train():
    rows = rows_of(90, 30, split="train") + rows_of(5, 5, split="test")
    parts = parts_of(rows)
    assert counts(rows, parts, 0) == (75, 15, 5)
    assert counts(rows, parts, 1) == (25, 5, 5)
    assert parts[-10:] == ["test"] * 10


def test_a_missing_test_is_taken_from_train():
    rows = rows_of(85, split="train") + rows_of(5, split="validation")
    assert counts(rows, parts_of(rows), 0) == (75, 5, 10)


def test_a_test_share_of_zero_takes_nothing():
    rows = rows_of(80, 40)
    parts = parts_of(rows, "75/25/0")
    assert counts(rows, parts, 0) == (60, 20, 0)
    assert counts(rows, parts, 1) == (30, 10, 0)


@pytest.mark.parametrize(
    ("rows", "part"), [([], "train"), (rows_of(1, 1, 1), "validation")]
)
def test_a_part_that_stays_empty_is_an_error(rows, part):
    with pytest.raises(DataError, match=f"no image is left for {part} out of"):
        parts_of(rows)


@pytest.mark.parametrize("count", [10, 15, 30, 35, 50, 99, 1115, 3254, 3670])
def test_slices_are_cut_where_tfds_cuts_them(count):
    tfds = pytest.importorskip("tensorflow_datasets")
    splits = {
        "train": tfds.core.SplitInfo(
            name="train", shard_lengths=[count], num_bytes=0, filename_template=None
        )
    }

    def cut(text: str) -> tuple[int, int]:
        [piece] = tfds.core.ReadInstruction.from_spec(text).to_absolute(splits)
        return piece.from_ or 0, count if piece.to is None else piece.to

    parts = assign_parts(rows_of(count), "slices", shuffled=True)
    for text, part in [
        ("train[25%:]", "train"),
        ("train[10%:25%]", "validation"),
        ("train[:10%]", "test"),
    ]:
        begin, end = cut(text)
        assert parts[begin:end] == [part] * (end - begin)


def test_slices_of_files_in_order_of_class_are_refused():
    with pytest.raises(ConfigError, match="slices needs a TFDS set"):
        assign_parts(rows_of(20), "slices", shuffled=False)


def test_slices_of_a_set_with_parts_are_refused():
    rows = rows_of(20, split="train") + rows_of(20, split="test")
    with pytest.raises(ConfigError, match=r"its own: test, train\. Use --split 75"):
        assign_parts(rows, "slices", shuffled=True)
