"""Tests of checks of masks, and of what a model of masks must beat."""

from dataclasses import replace
from pathlib import Path

import pytest

from cnnxfer.data.check import duplicates, masks
from cnnxfer.data.check.baselines import baselines
from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.masks.class_masks import class_masks
from cnnxfer.data.masks.mask_file import MaskFacts, MaskFile


def inspected(*counts: dict[int, int], named: dict[int, str]) -> InspectedData:
    """Returns pictures whose masks have so many pixels of each value; one tests."""
    files = [
        MaskFile(f"{n}.png", Path(f"{n}.png"), facts=MaskFacts(10, 10, found))
        for n, found in enumerate(counts)
    ]
    class_names, annotations = class_masks(files, named, "set")
    rows = [
        IndexRow(Example(f"{n}.jpg", mask, None, Path(), sha256=str(n)), 10, 10)
        for n, mask in enumerate(annotations)
    ]
    splits = ["train"] * (len(rows) - 1) + ["test"]
    return InspectedData(class_names, rows, splits)


def test_values_without_a_name_are_counted() -> None:
    data = inspected({0: 90, 4: 10}, {0: 80, 4: 5, 255: 15}, {0: 100}, named={0: "sky"})
    (finding,) = masks.unnamed_values(data)
    (item,) = finding.items
    assert (item.ids, item.note) == (("0.jpg",), "value 4: 15 pixels of 2 masks")


def test_classes_of_hardly_any_pixel_are_found() -> None:
    names = {0: "sky", 1: "speck", 2: "sea"}
    data = inspected({0: 50_000, 1: 9, 2: 11}, {0: 50_000}, named=names)
    (finding,) = masks.rare_classes(data)
    (item,) = finding.items
    assert (item.classes, item.note) == (("speck",), "9 pixels")


def test_the_largest_class_of_training_is_what_segmentation_must_beat() -> None:
    named = {0: "sky", 1: "sea"}
    (figure,) = baselines(inspected({0: 60, 1: 40}, {0: 30, 1: 70}, named=named))
    assert (figure.name, figure.value) == ("largest-class-share", pytest.approx(0.3))
    assert "always answering sky has a pixel accuracy of 0.300" in figure.text
    assert "mean IoU of 0.150 on test" in figure.text


def test_near_duplicates_may_show_other_classes_by_their_masks() -> None:
    data = inspected({0: 60, 1: 40}, {0: 100}, named={0: "sky", 1: "sea"})
    assert not list(duplicates.contradictions(replace(data, near=[[0, 1]])))
