import numpy as np
import pytest

from cnnxfer.tasks.boxes.iou import generalized_iou, iou

BOX = np.array([10.0, 10, 30, 20])


@pytest.mark.parametrize(
    ("other", "share", "generalized"),
    [
        ([10, 10, 30, 20], 1, 1),
        ([20, 10, 40, 20], 1 / 3, 1 / 3),  # no space around both is empty
        ([10, 15, 20, 25], 50 / 250, 50 / 250 - 50 / 300),
        ([30, 20, 40, 30], 0, -300 / 600),  # they meet at a corner
        ([110, 10, 130, 20], 0, -800 / 1200),
        ([15, 15, 15, 15], 0, 0),  # no area, inside the other
    ],
)
def test_boxes_of_known_areas(
    other: list[float], share: float, generalized: float
) -> None:
    for boxes in ((BOX, np.array(other, float)), (np.array(other, float), BOX)):
        assert iou(*boxes) == pytest.approx(share)
        assert generalized_iou(*boxes) == pytest.approx(generalized)


def test_two_boxes_without_area_share_nothing() -> None:
    point = np.full(4, 5.0)
    assert iou(point, point) == 0


def test_each_box_is_compared_with_each_other() -> None:
    shares = iou(np.array([[BOX], [BOX + 20]]), np.array([BOX, BOX + 20, BOX + 40]))
    assert np.allclose(shares, [[1, 0, 0], [0, 1, 0]])
