"""Tests that splits follow from content, and keep groups and existing splits."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import SPLITS, Example, IndexRow
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.data.preparing.splits import (
    EmptySplitError,
    Ratios,
    assign_splits,
    parse_split,
)
from cnnxfer.errors import ConfigError

DEFAULT = "75/15/10"


def row(
    content: object, label: int, split: str | None = None, name: str = ""
) -> IndexRow:
    sha256 = hashlib.sha256(str(content).encode()).hexdigest()
    return IndexRow(
        Example(name or str(content), Labels((label,)), split, Path(), sha256=sha256)
    )


def rows_of(*counts: int, split: str | None = None) -> list[IndexRow]:
    """Rows of classes 0, 1, ... with so many images each."""
    return [
        row(f"{split} {label} {number}", label, split)
        for label, count in enumerate(counts)
        for number in range(count)
    ]


def parts_of(rows: list[IndexRow], split: str = DEFAULT) -> list[str]:
    return assign_splits(rows, split, shuffled=False)


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
        ("33.3/33.3/33.4", Ratios(33.3, 33.3, 33.4)),
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
def test_an_invalid_split_is_refused(text):
    with pytest.raises(ConfigError, match=r"split is '.*'; expected .*75/15/10"):
        parse_split(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "80/15/10",
            "add up to 105, not to 100. In these proportions, it would be "
            "76.2/14.3/9.52.",
        ),
        (
            "8/1/1",
            "add up to 10, not to 100. In these proportions, it would be 80/10/1",
        ),
        ("33.3/33.3/33.3", "add up to 99.9, not to 100."),
    ],
)
def test_shares_that_do_not_add_up_are_refused(text, message):
    with pytest.raises(ConfigError) as caught:
        parse_split(text)
    assert f"split is '{text}', whose shares {message}" in str(caught.value)


@pytest.mark.parametrize("label", range(4))
def test_every_class_is_split_in_nearly_the_same_shares(label):
    rows = rows_of(8000, 4000, 2000, 1000)
    found = counts(rows, parts_of(rows), label)
    images = sum(found)
    for number, share in zip(found, (0.75, 0.15, 0.10), strict=True):
        spread = np.sqrt(images * share * (1 - share))
        assert abs(number - share * images) < 3 * spread


@pytest.mark.parametrize(
    ("images", "expected"), [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1))]
)
def test_a_small_class_goes_to_train_first_then_to_validation(images, expected):
    rows = rows_of(images, 100)
    assert counts(rows, parts_of(rows), 0) == expected


def test_a_class_of_three_or_more_images_is_in_every_part():
    rows = rows_of(*range(3, 60))
    parts = parts_of(rows)
    for label in range(57):
        assert min(counts(rows, parts, label)) >= 1


def test_the_part_of_an_image_depends_on_its_content():
    rows = rows_of(100, 60)
    by_content = dict(zip([row.sha256 for row in rows], parts_of(rows), strict=True))
    order = np.random.default_rng(0).permutation(len(rows))
    renamed = [
        IndexRow(replace(rows[index].example, id=f"other {index}")) for index in order
    ]
    for image, part in zip(renamed, parts_of(renamed), strict=True):
        assert part == by_content[image.sha256]


def test_the_order_of_images_does_not_decide_their_part():
    rows = rows_of(400)
    tested = [i for i, part in enumerate(parts_of(rows)) if part == "test"]
    assert 150 < np.mean(tested) < 250


def part_by_name(rows: list[IndexRow], **options) -> dict[str, str]:
    parts = assign_splits(rows, DEFAULT, shuffled=False, **options)
    return {row.example.id: part for row, part in zip(rows, parts, strict=True)}


@pytest.mark.parametrize("seed", range(5))
def test_images_keep_their_parts_when_others_are_removed(seed):
    rng = np.random.default_rng(seed)
    rows = rows_of(300, 200, 100)
    before = part_by_name(rows)
    left = [row for row in rows if rng.random() < 0.9]
    assert part_by_name(left) == {
        row.example.id: before[row.example.id] for row in left
    }


def test_images_keep_their_parts_when_classes_are_added():
    before = part_by_name(rows_of(200, 100))
    after = part_by_name(rows_of(200, 100, 50, 5))
    assert {name: after[name] for name in before} == before


def test_a_larger_test_share_keeps_the_smaller_test_part():
    rows = rows_of(500)
    tenth = parts_of(rows, "75/15/10")
    fifth = parts_of(rows, "60/20/20")
    tested = {
        row.sha256 for row, part in zip(rows, tenth, strict=True) if part == "test"
    }
    more = {row.sha256 for row, part in zip(rows, fifth, strict=True) if part == "test"}
    assert tested < more


def test_one_image_fills_a_part_that_a_class_lacks():
    # It is given back when one comes that belongs there.
    for seed in range(40):
        rows = [row(f"{seed} {number}", 0) for number in range(8)] + rows_of(0, 50)
        before = part_by_name(rows)
        assert part_by_name(rows[::-1]) == before
        more = part_by_name([*rows, row(f"{seed} more", 0)])
        moved = [name for name, part in before.items() if more[name] != part]
        assert len(moved) <= 2


def test_two_processes_agree():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_splits as module; "
        "print(*module.parts_of(module.rows_of(60, 30)))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in "12"
    ]
    assert found == [parts_of(rows_of(60, 30))] * 2


def test_copies_stay_together():
    rows = [
        row(f"picture {number // 4}", number // 80, name=f"{number}")
        for number in range(160)
    ]
    parts = parts_of(rows)
    assert set(parts) == {"train", "validation", "test"}
    for first in range(0, 160, 4):
        assert len(set(parts[first : first + 4])) == 1


def test_adding_copies_changes_no_part():
    rows = rows_of(60, 30)
    before = part_by_name(rows)
    copies = [
        row(image.example.id, 0, name=f"copy {image.example.id}") for image in rows
    ]
    after = part_by_name([*copies, *rows])
    for name, part in before.items():
        assert after[name] == after[f"copy {name}"] == part


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


def test_near_duplicates_stay_together():
    rows = rows_of(100, 100)
    duplicates = [[first, first + 1, first + 100] for first in range(0, 90, 2)]
    parts = assign_splits(rows, DEFAULT, shuffled=False, duplicates=duplicates)
    for group in duplicates:
        assert len({parts[index] for index in group}) == 1
    alone = parts_of(rows)
    together = {index for group in duplicates for index in group}
    for index in set(range(200)) - together:
        assert parts[index] == alone[index]
    for group in duplicates:  # the part is that of one of them
        assert parts[group[0]] in {alone[index] for index in group}


def test_near_duplicates_are_split_in_the_set_shares():
    rows = rows_of(5000)
    duplicates = [list(range(first, first + 5)) for first in range(0, 5000, 5)]
    parts = assign_splits(rows, DEFAULT, shuffled=False, duplicates=duplicates)
    assert 70 * 5 < parts.count("test") < 130 * 5
    assert 715 * 5 < parts.count("train") < 785 * 5


def test_near_duplicates_are_found_by_their_hashes():
    texts = (
        "".join(np.random.default_rng(i).choice([*"13579bdf"], 256)) for i in count()
    )
    hashes = [*islice(texts, 60)] * 2
    rows = [
        replace(image, phash=phash)
        for image, phash in zip(rows_of(60, 60), hashes, strict=True)
    ]
    parts = parts_of(rows)
    assert parts[:60] == parts[60:]
    assert set(parts) == {"train", "validation", "test"}


def groups_of(rows: list[IndexRow], size: int) -> list[str]:
    """Names of groups that each hold `size` images, in mixed order."""
    order = np.random.default_rng(0).permutation(len(rows))
    return [f"patient {number // size}" for number in order]


def test_groups_stay_together():
    rows = rows_of(200, 200)
    names = groups_of(rows, 8)
    parts = assign_splits(rows, DEFAULT, shuffled=False, groups=names)
    assert len(set(zip(names, parts, strict=True))) == 50
    assert set(parts) == {"train", "validation", "test"}
    for label in (0, 1):
        assert min(counts(rows, parts, label)) >= 1


def test_the_part_of_a_group_does_not_depend_on_its_images():
    rows = rows_of(200, 200)
    names = groups_of(rows, 8)
    before = dict(
        zip(
            names,
            assign_splits(rows, DEFAULT, shuffled=False, groups=names),
            strict=True,
        )
    )
    others = [
        row(f"new {name} {number}", number % 2, name=f"new {name} {number}")
        for name in sorted(before)
        for number in range(3)
    ]
    new_names = [name for name in sorted(before) for _ in range(3)]
    parts = assign_splits(others, DEFAULT, shuffled=False, groups=new_names)
    assert dict(zip(new_names, parts, strict=True)) == before


def test_near_duplicates_join_groups():
    rows = rows_of(100, 100)
    names = [f"plant {index // 10}" for index in range(200)]
    duplicates = [[index, index + 100] for index in range(0, 100, 10)]
    parts = assign_splits(
        rows, DEFAULT, shuffled=False, groups=names, duplicates=duplicates
    )
    for plant in range(10):
        joined = slice(10 * plant, 10 * plant + 10)
        other = slice(100 + 10 * plant, 110 + 10 * plant)
        assert len({*parts[joined], *parts[other]}) == 1


def test_images_without_a_group_are_split_by_content():
    rows = rows_of(100, 100)
    names = ["", *groups_of(rows[1:], 4)]
    names = [name if index % 2 else "" for index, name in enumerate(names)]
    parts = assign_splits(rows, DEFAULT, shuffled=False, groups=names)
    assert parts[::2] == parts_of(rows)[::2]


def labelled(rows: list[IndexRow], labels: list[tuple[int, ...]]) -> list[IndexRow]:
    return [
        replace(row, example=replace(row.example, annotation=Labels(those)))
        for row, those in zip(rows, labels, strict=True)
    ]


def test_images_of_several_labels_or_none_are_in_every_part():
    rng = np.random.default_rng(0)
    labels = [
        tuple(label for label in range(6) if rng.random() < (label + 1) / 20)
        for _ in range(150)
    ]
    assert () in labels
    rows = labelled(rows_of(150), labels)
    parts = parts_of(rows)
    for label in range(6):
        for part in SPLITS:
            assert any(
                label in those and found == part
                for those, found in zip(labels, parts, strict=True)
            )
    assert {part for those, part in zip(labels, parts, strict=True) if not those} == {
        "train",
        "validation",
        "test",
    }


def test_the_only_image_of_a_label_is_in_train():
    for seed in range(30):
        rows = [row(f"{seed} {number}", 0) for number in range(12)]
        labels = [(0,)] * 10 + [(0, 1), (2,)]
        parts = parts_of(labelled(rows, labels))
        assert parts[-2:] == ["train", "train"]
        assert set(parts) == {"train", "validation", "test"}


def test_splits_of_the_data_set_are_kept():
    rows = [
        image
        for split, count in (("train", 30), ("validation", 3), ("test", 7))
        for image in rows_of(count, count, split=split)
    ]
    assert parts_of(rows) == [row.example.split for row in rows]


def test_a_missing_validation_is_taken_from_train():
    rows = rows_of(900, 30, split="train") + rows_of(5, 5, split="test")
    parts = parts_of(rows)
    assert parts[-10:] == ["test"] * 10
    assert parts[:-10].count("test") == 0
    assert abs(parts.count("validation") - 930 / 6) < 40
    assert min(counts(rows, parts, 1)) >= 1


def test_a_missing_test_is_taken_from_train():
    rows = rows_of(850, split="train") + rows_of(5, split="validation")
    train, validation, test = counts(rows, parts_of(rows), 0)
    assert (train + test, validation) == (850, 5)
    assert 70 < test < 130


def test_a_test_share_of_zero_gives_no_test_images():
    rows = rows_of(80, 40)
    parts = parts_of(rows, "75/25/0")
    assert set(parts) == {"train", "validation"}
    assert 10 < parts.count("validation") < 50


@pytest.mark.parametrize(
    ("rows", "part"), [([], "train"), (rows_of(1, 1, 1), "validation")]
)
def test_an_empty_part_is_an_error(rows, part):
    with pytest.raises(EmptySplitError, match=f"no image is left for {part} out of"):
        parts_of(rows)


@pytest.mark.parametrize("split", ["75/15/10", "50/50/0", "1/98/1"])
@pytest.mark.parametrize(
    ("labels", "groups", "duplicates", "reason"),
    [
        ([0, 1, 2], None, [], "each class has one image to train on. Add images: at "),
        ([0, 0, 1], None, [[0, 1]], "of each class are near-duplicates of each other"),
        ([0, 0, 1], "aab", [], "of each class are in one group of group_by, or look"),
        ([(0, 1), (0, 2)], None, [], "each is the only one of one of its labels. Add"),
    ],
)
def test_an_empty_validation_says_what_to_add(
    labels, groups, duplicates, reason, split
):
    those = [label if isinstance(label, tuple) else (label,) for label in labels]
    rows = labelled(rows_of(len(labels)), those)
    with pytest.raises(EmptySplitError) as caught:
        assign_splits(rows, split, shuffled=False, groups=groups, duplicates=duplicates)
    assert reason in str(caught.value)
    assert "--split" not in str(caught.value)
    # Each class gets as many images as the message asks for.
    classes = sorted({label for these in those for label in these})
    more = labelled(
        rows_of(2 * len(classes), split=None)[: 2 * len(classes)],
        [(label,) for label in classes for _ in range(2)],
    )
    names = [*groups, *(f"new {i}" for i in range(len(more)))] if groups else None
    parts = assign_splits(
        rows + more, split, shuffled=False, groups=names, duplicates=duplicates
    )
    assert {"train", "validation"} <= set(parts)


def test_slices_of_two_images_say_how_many_they_need():
    with pytest.raises(EmptySplitError, match="slices need three images"):
        assign_splits(rows_of(2), "slices", shuffled=True)
    assert set(assign_splits(rows_of(3), "slices", shuffled=True)) == {
        "train",
        "validation",
    }


@pytest.mark.parametrize("count", [10, 15, 30, 35, 50, 99, 1115, 3254, 3670])
def test_slices_have_the_same_bounds_as_in_tfds(count):
    tfds = pytest.importorskip("tensorflow_datasets")
    splits = {
        "train": tfds.core.SplitInfo(
            name="train", shard_lengths=[count], num_bytes=0, filename_template=None
        )
    }

    def cut(text: str) -> tuple[int, int]:
        [piece] = tfds.core.ReadInstruction.from_spec(text).to_absolute(splits)
        return piece.from_ or 0, count if piece.to is None else piece.to

    parts = assign_splits(rows_of(count), "slices", shuffled=True)
    for text, part in [
        ("train[25%:]", "train"),
        ("train[10%:25%]", "validation"),
        ("train[:10%]", "test"),
    ]:
        begin, end = cut(text)
        assert parts[begin:end] == [part] * (end - begin)


def test_slices_of_files_in_order_of_class_are_refused():
    with pytest.raises(ConfigError, match="split='slices' needs a TFDS set"):
        assign_splits(rows_of(20), "slices", shuffled=False)


def test_slices_of_a_data_set_with_splits_are_refused():
    rows = rows_of(20, split="train") + rows_of(20, split="test")
    with pytest.raises(ConfigError, match=r"its own: test, train\. Use split='75"):
        assign_splits(rows, "slices", shuffled=True)


def test_slices_with_groups_are_refused():
    with pytest.raises(
        ConfigError, match=r"slices' cuts by order.*75/15/10' with group_by"
    ):
        assign_splits(rows_of(20), "slices", shuffled=True, groups=["a"] * 20)


def test_classes_of_objects_are_in_every_split_that_they_suffice_for() -> None:
    """Pictures have several classes of objects, or none."""

    def shown(number: int) -> tuple[LabelledBox, ...]:
        labels = [label for label in range(3) if not number % (label + 2)]
        return tuple(LabelledBox(label, (0.0, 0.0, 1.0, 1.0)) for label in labels)

    rows = [
        replace(it, example=replace(it.example, annotation=Objects(shown(number))))
        for number, it in enumerate(rows_of(24))
    ]
    parts = parts_of(rows)
    for label in range(3):
        having = {
            part
            for it, part in zip(rows, parts, strict=True)
            if label in it.example.labels
        }
        assert having == set(SPLITS)
