"""Tests of masks that are drawn from the outlines of objects."""

from pathlib import Path

import numpy as np
import pytest
from faster_coco_eval.core import mask as library

from cnnxfer.data.dataset import DETECTION, SEGMENTATION, Dataset, Example
from cnnxfer.data.masks.polygons import PolygonMask, masks_of
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.errors import DataError


def square(label: int, left: float, top: float, side: float, **more) -> LabelledBox:
    right, bottom = left + side, top + side
    outline = (left, top, right, top, right, bottom, left, bottom)
    box = (left, top, right, bottom)
    return LabelledBox(label, box, **{"polygons": (outline,), **more})


def dataset(*objects: LabelledBox) -> Dataset:
    example = Example("a.jpg", Objects(objects, 8, 6), None, Path("a.jpg"))
    return Dataset("set", ("table", "cup"), (example,), task=DETECTION)


def drawn(*objects: LabelledBox) -> np.ndarray:
    found = masks_of(dataset(*objects))
    assert found.class_names == ("background", "cup", "table")
    assert found.task == SEGMENTATION
    mask = found.examples[0].annotation
    values = mask.reader.read(8, 6)
    table = np.full(256, 255, np.uint8)
    for value, label in mask.values.items():
        table[value] = label
    return table[values]


def test_the_smaller_object_lies_over_the_larger() -> None:
    expected = np.zeros((6, 8), np.uint8)
    expected[1:5, 1:5] = 2
    expected[2:4, 2:4] = 1
    table, cup = square(0, 1, 1, 4), square(1, 2, 2, 2)
    assert (drawn(table, cup) == expected).all()
    assert (drawn(cup, table) == expected).all()


def test_of_equal_objects_the_later_lies_above() -> None:
    assert drawn(square(0, 1, 1, 4), square(1, 1, 1, 4))[2, 2] == 1
    assert drawn(square(1, 1, 1, 4), square(0, 1, 1, 4))[2, 2] == 2


def test_outlines_are_painted_as_the_library_decodes_them() -> None:
    polygons = np.random.default_rng(0).uniform(-20, 120, (12, 10)).round(1).tolist()
    objects = [
        LabelledBox(label, (0, 0, 1, 1), polygons=(polygon, polygons[0]))
        for label, polygon in enumerate(map(tuple, polygons))
    ]
    drawn = PolygonMask("a", Objects(tuple(objects), 90, 70)).read(90, 70)
    encoded = [
        library.merge(library.frPyObjects([it, polygons[0]], 70, 90)) for it in polygons
    ]
    expected = np.zeros((70, 90), np.uint8)
    for _, label in sorted((-int(library.area(it)), n) for n, it in enumerate(encoded)):
        expected[library.decode(encoded[label]).astype(bool)] = label + 1
    assert (drawn == expected).all()


def test_outlines_are_not_decoded_at_the_size_of_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(library, "decode")  # which takes as long for a dot
    assert drawn(square(1, 2, 2, 2))[2:4, 2:4].all()


def test_a_crowd_without_an_outline_is_ignored_where_no_object_lies() -> None:
    found = drawn(square(1, 2, 2, 2), square(0, 1, 1, 4, crowd=True, polygons=()))
    assert (found[2, 2], found[1, 1], found[0, 0]) == (1, 255, 0)


def test_a_picture_without_objects_is_background() -> None:
    assert not drawn().any()


def test_a_box_without_an_outline_is_an_error() -> None:
    bare = square(1, 0, 0, 2, polygons=())
    with pytest.raises(DataError, match=r"1 of the 2 objects of set .*in a\.jpg"):
        masks_of(dataset(square(0, 0, 0, 3), bare))
