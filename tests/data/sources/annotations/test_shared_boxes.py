"""Tests of real data sets with boxes."""

from collections import Counter
from pathlib import Path

import pytest
from annotated_images import boxes_of, read, splits_of
from recording_reporter import RecordingReporter

from cnnxfer.data.dataset import DETECTION, LOCALIZATION, Dataset


@pytest.fixture
def boxes(shared: Path) -> Path:
    path = shared / "data" / "boxes"
    if not path.is_dir():
        pytest.skip(f"needs the data sets of {path}")
    return path


def sizes(dataset: Dataset) -> tuple[int, int, int]:
    """Returns the numbers of images, objects and classes."""
    objects = sum(map(len, boxes_of(dataset).values()))
    return len(dataset.examples), objects, len(dataset.class_names)


def test_raccoons_are_the_same_in_xml_and_tables(boxes: Path):
    voc = read(boxes / "raccoon")
    assert sizes(voc) == (200, 217, 1)
    assert voc.task == DETECTION
    tables = read(boxes / "raccoon" / "data")
    assert sizes(tables) == (200, 217, 1)
    assert Counter(splits_of(tables).values()) == {"train": 160, "test": 40}
    # The tables repeat the numbers of the files, which count from 1.
    moved = {
        id.removeprefix("../"): sorted(
            (left - 1, top - 1, right, bottom)
            for _, (left, top, right, bottom) in found
        )
        for id, found in boxes_of(tables).items()
    }
    assert moved == {
        id: sorted(box for _, box in found) for id, found in boxes_of(voc).items()
    }


def test_blood_cells_have_lists_of_splits(boxes: Path):
    dataset = read(boxes / "bccd")
    assert sizes(dataset) == (364, 4888, 3)
    splits = Counter(splits_of(dataset).values())
    assert splits == {"train": 205, "validation": 87, "test": 72}


def test_names_repeat_across_classes(boxes: Path):
    dataset = read(boxes / "caltech3")
    assert sizes(dataset) == (2033, 2033, 3)
    assert dataset.task == LOCALIZATION
    for id, ((label, _),) in boxes_of(dataset).items():
        assert id.startswith(f"images/{label}/")


def test_a_part_that_is_missing_is_told(boxes: Path):
    reporter = RecordingReporter()
    dataset = read(boxes / "coco128" / "data.yaml", reporter)
    assert sizes(dataset) == (128, 929, 71)
    gone, labels = reporter.warnings
    assert "names val: images/val2017, which does not exist" in gone
    assert "annotations of 2 images that do not exist" in labels
    assert "2 without one" in reporter.infos[0]
