import numpy as np
import pytest

from cnnxfer.data.overlaps import areas, intersections, overlaps

SQUARE = np.array([0, 0, 10, 10])


@pytest.mark.parametrize(
    ("other", "shared", "overlap"),
    [
        ([0, 0, 10, 10], 100, 1),
        ([5, 0, 15, 10], 50, 50 / 150),
        ([2, 4, 6, 9], 20, 0.2),
        ([10, 0, 20, 10], 0, 0),  # they touch
        ([30, 30, 40, 40], 0, 0),
        ([5, 5, 5, 9], 0, 0),
        ([9, 9, 1, 1], 0, 0),  # turned over
    ],
)
def test_overlaps(other: list[float], shared: float, overlap: float) -> None:
    box = np.array(other, np.float32)
    assert intersections(SQUARE, box) == shared
    assert overlaps(SQUARE, box) == overlaps(box, SQUARE) == pytest.approx(overlap)


def test_each_box_is_compared_with_each_other_one() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [0, 0, 0, 0]])
    assert areas(boxes).tolist() == [4, 4, 0]
    found = overlaps(boxes[:, None], boxes[:2])
    np.testing.assert_allclose(found, [[1, 1 / 7], [1 / 7, 1], [0, 0]])
    assert overlaps(boxes[:, None], np.empty((0, 4))).shape == (3, 0)
