import numpy as np

from cnnxfer.tasks.boxes.suppression import best_boxes


def test_the_surest_box_takes_others_of_its_class_away() -> None:
    first = [0, 0, 10, 10, 0.9, 0]
    shifted = [2, 0, 12, 10, 0.8, 0]  # shares 2/3 with the first
    # Shares 2/3 with the one above, which is gone, and 3/7 with the first.
    farther = [4, 0, 14, 10, 0.7, 0]
    other_class = [0, 0, 10, 10, 0.6, 1]
    found = best_boxes(np.array([farther, other_class, shifted, first]), 0.6)
    assert found.tolist() == [first, farther, other_class]


def test_without_boxes_none_is_left() -> None:
    assert best_boxes(np.zeros((0, 6), np.float32), 0.6).shape == (0, 6)
