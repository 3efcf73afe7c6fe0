"""Tests that boxes fit their pictures, whatever size is written beside them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.images.decode import SIDEWAYS, TURNS
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.data.preparing.boxes import fit_boxes
from cnnxfer.errors import DataError

BOX = (2.0, 3.0, 10.0, 7.0)


def row(width: int = 40, height: int = 20, orientation: int = 1) -> IndexRow:
    example = Example("a.jpg", Objects(), None, Path("a.jpg"))
    return IndexRow(example, width, height, orientation=orientation)


def fitted(
    *boxes: tuple[float, ...], size=(0, 0), **of_row: int
) -> tuple[list[tuple[float, ...]], list[str]]:
    """Returns the boxes that remain, and what was done."""
    objects = Objects(tuple(LabelledBox(0, box) for box in boxes), *size)
    found, repaired = fit_boxes(objects, row(**of_row))
    assert (found.width, found.height) == (row(**of_row).width, row(**of_row).height)
    return [item.box for item in found.objects], [kind for kind, _ in repaired]


@pytest.mark.parametrize("size", [(0, 0), (40, 20)])
def test_a_box_that_fits_stays_as_it_is(size) -> None:
    assert fitted(BOX, (0, 0, 40, 20), size=size) == ([BOX, (0, 0, 40, 20)], [])


@pytest.mark.parametrize("size", [(20, 10), (21, 10)])  # which is rounded
def test_boxes_for_another_size_are_scaled(size) -> None:
    (box,), repaired = fitted(BOX, size=size)
    assert box == pytest.approx((4, 6, 20, 14), rel=0.06)
    assert repaired == ["scaled"]


@pytest.mark.parametrize("orientation", SIDEWAYS)
@pytest.mark.parametrize("scale", [1, 2])
def test_boxes_for_the_stored_picture_are_turned(orientation: int, scale: int) -> None:
    stored = np.zeros((40, 20), np.uint8)
    left, top, right, bottom = map(int, BOX)
    stored[top:bottom, left:right] = 1
    upright = np.asarray(Image.fromarray(stored).transpose(TURNS[orientation]))
    rows, columns = upright.nonzero()
    expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    (box,), repaired = fitted(
        BOX,
        size=(20, 40),
        width=40 * scale,
        height=20 * scale,
        orientation=orientation,
    )
    assert box == tuple(scale * edge for edge in expected)
    assert repaired == ["turned", "scaled"][:scale]


def test_outlines_move_with_their_box() -> None:
    item = LabelledBox(0, BOX, polygons=((2.0, 3.0, 10.0, 3.0, 10.0, 7.0),))
    found, _ = fit_boxes(Objects((item,), 20, 40), row(orientation=6))
    assert found.objects[0].polygons == ((37, 2, 37, 10, 33, 10),)


@pytest.mark.parametrize("size", [(20, 40), (30, 20), (1, 1)])
def test_a_size_of_another_shape_is_a_problem(size) -> None:
    with pytest.raises(DataError, match=r"boxes for .* pixels, not 40 x 20"):
        fitted(BOX, size=size)


def test_boxes_are_cut_off_and_left_out() -> None:
    boxes = [BOX, (-5, 2, 9, 9), (50, 2, 60, 9), (7, 7, 7, 9), (9, 3, 5, 8)]
    assert fitted(*boxes) == (
        [BOX, (0, 2, 9, 9)],
        ["clipped", "outside", "no-area", "no-area"],
    )


def test_less_than_a_pixel_outside_is_rounding() -> None:
    assert fitted((-0.4, 0, 40.9, 20)) == ([(0, 0, 40, 20)], [])


def test_a_picture_whose_boxes_are_all_wrong_is_not_taken_for_background() -> None:
    with pytest.raises(DataError, match="boxes that are all outside or empty: 50, 2"):
        fitted((50, 2, 60, 9))
    assert fitted() == ([], [])
