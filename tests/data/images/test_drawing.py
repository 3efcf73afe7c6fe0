"""Tests that boxes and masks are drawn where they are, in the colours of classes."""

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.class_mask import IGNORED
from cnnxfer.data.images.drawing import (
    BLACK,
    colour_mask,
    colour_of,
    draw_boxes,
    palette,
)

NAMES = ["rose", "[tulip]\n"]


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_box_is_drawn_just_inside_its_edges(grey: int) -> None:
    ground = Image.new("RGB", (200, 100), (grey,) * 3)
    drawn = np.asarray(draw_boxes(ground, np.array([(20, 40, 90, 80.4)]), [1], NAMES))
    for row, column in ((79, 30), (60, 20), (60, 89)):
        assert tuple(drawn[row, column]) == colour_of(1)
    for row, column in ((80, 30), (60, 19), (60, 90), (60, 21)):  # dark lines beside it
        assert tuple(drawn[row, column]) == BLACK
    assert (drawn[45:75, 25:85] == grey).all()
    assert (drawn[:, 100:] == grey).all()
    assert (np.asarray(ground) == grey).all()  # it is a copy


def test_boxes_beyond_the_edges_and_without_area_are_drawn() -> None:
    ground = Image.new("RGB", (60, 40))
    boxes = np.array([(-30, -5, 500, 90), (50, 2, 50, 2), (59, 39, 60, 40)])
    drawn = draw_boxes(ground, boxes, [0, 1, 300], [*NAMES * 200], [1, 0.5, 0.25])
    assert np.asarray(drawn).any()
    assert draw_boxes(ground, np.zeros((0, 4)), [], NAMES) == ground


def test_boxes_smaller_than_their_names_have_none() -> None:
    ground = Image.new("RGB", (200, 100))
    small, large = (
        np.asarray(draw_boxes(ground, np.array([(50, 50, 50 + side, 60)]), [0], NAMES))
        for side in (10, 40)
    )
    assert not small[:49].any()
    assert large[:49].any()


def test_lines_grow_with_the_image() -> None:
    ground = Image.new("RGB", (3200, 100))
    drawn = draw_boxes(ground, np.array([(1000, 50, 3000, 100)]), [0], NAMES)
    column = np.asarray(drawn)[:, 2500]
    assert (column == colour_of(0)).all(axis=-1).sum() == 20  # ten at either edge


def test_a_mask_is_laid_over_half_transparently() -> None:
    ground = Image.new("RGB", (3, 1), (10, 20, 200))
    mask = np.array([[0, 7, IGNORED]], np.uint8)
    drawn = np.asarray(colour_mask(ground, mask)).astype(int)
    for column, label in enumerate((0, 7)):
        mean = np.mean([colour_of(label), (10, 20, 200)], axis=0)
        np.testing.assert_allclose(drawn[0, column], mean, atol=2)
    assert drawn[0, 2].tolist() == [10, 20, 200]


def test_classes_have_colours_of_their_own() -> None:
    colours = np.reshape(palette(), (256, 3))
    assert len(np.unique(colours, axis=0)) == 256
    apart = np.abs(colours[:20, None] - colours[:20]).max(axis=-1)
    assert apart[~np.eye(20, dtype=bool)].min() > 25
