"""Boxes out of the cells of a classifier."""

import numpy as np

from cnnxfer.prediction.dense_boxes import dense_boxes


def cells(*groups: tuple[int, slice, slice, float]) -> np.ndarray:
    """Cells of 4 rows and 6 columns that show each class in some of them."""
    heat = np.full((4, 6, 3), 0.01, np.float32)
    for label, rows, columns, probability in groups:
        heat[rows, columns, label] = probability
    return heat


def test_cells_side_by_side_are_one_object() -> None:
    found = dense_boxes(
        cells(
            (1, slice(0, 2), slice(1, 3), 0.9),
            (1, slice(3, 4), slice(5, 6), 0.6),
            (2, slice(1, 3), slice(2, 6), 0.8),
        ),
        (600, 200),
    )
    np.testing.assert_allclose(
        found,
        [
            (100, 0, 300, 100, 0.9, 1),
            (200, 50, 600, 150, 0.8, 2),
            (500, 150, 600, 200, 0.6, 1),
        ],
    )
    assert found.dtype == np.float32


def test_cells_that_touch_at_a_corner_are_two_objects() -> None:
    found = dense_boxes(
        cells((0, slice(0, 1), slice(0, 1), 0.9), (0, slice(1, 2), slice(1, 2), 0.8)),
        (60, 40),
    )
    assert found[:, :4].tolist() == [[0, 0, 10, 10], [10, 10, 20, 20]]


def test_a_box_holds_what_is_half_as_sure_as_the_best_cell() -> None:
    heat = cells((0, slice(0, 1), slice(0, 6), 0.39))
    heat[0, 2, 0], heat[0, 3, 0] = 0.8, 0.41
    (found,) = dense_boxes(heat, (60, 40))
    np.testing.assert_allclose(found, (20, 0, 40, 10, 0.8, 0))


def test_what_is_not_sure_enough_is_no_object() -> None:
    heat = cells(
        (0, slice(0, 1), slice(0, 2), 0.35), (0, slice(2, 3), slice(0, 2), 0.25)
    )
    assert len(dense_boxes(heat, (60, 40))) == 1
    assert dense_boxes(heat, (60, 40), least=0.36).shape == (0, 6)
