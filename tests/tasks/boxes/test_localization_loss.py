import keras
import numpy as np
import pytest

from cnnxfer.tasks.boxes.localization_loss import LocalizationLoss

TARGETS = np.array([[0, 1, 0.2, 0.3, 0.6, 0.9]] * 3, np.float32)
RIGHT = np.array([[-20, 20, 0.2, 0.3, 0.6, 0.9]] * 3, np.float32)


def numbers(function, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    result = function(keras.ops.array(targets), keras.ops.array(outputs))
    return keras.ops.convert_to_numpy(result)


@pytest.mark.parametrize("squared", [False, True])
def test_class_and_box_both_have_a_part_in_the_loss(squared: bool) -> None:
    outputs = RIGHT.copy()
    outputs[1, :2] = 0
    outputs[2, 2:] = [0.6, 0.3, 1.0, 0.9]  # beside the right one
    found = numbers(LocalizationLoss(squared).loss, TARGETS, outputs)
    box_loss = 0.4**2 / 2 if squared else 1 + 0.4 / 2
    assert found == pytest.approx([0, 0.8 * np.log(2), 0.2 * box_loss], abs=1e-6)


def test_a_view_without_the_object_teaches_nothing() -> None:
    nothing = np.zeros_like(TARGETS)
    assert not numbers(LocalizationLoss().loss, nothing, RIGHT).any()


def test_right_is_the_class_and_half_of_the_box() -> None:
    outputs = RIGHT.copy()
    outputs[1, :2] = 20, -20
    outputs[2, 2:] = [0.4, 0.3, 0.8, 0.9]  # shares a third
    found = numbers(LocalizationLoss().accuracy, TARGETS, outputs)
    assert found.tolist() == [1, 0, 0]
