import keras
import numpy as np
import pytest

from cnnxfer.tasks.masks.segmentation_loss import SegmentationLoss

PLAIN = SegmentationLoss(np.ones(3, np.float32))


def numbers(function, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    outputs = keras.ops.array(outputs, dtype="float32")
    return keras.ops.convert_to_numpy(function(keras.ops.array(targets), outputs))


def test_ignored_pixels_do_not_count() -> None:
    labels = np.array([[[0, 1], [2, 255]], [[0, 255], [255, 255]]], np.uint8)
    logits = np.zeros((2, 2, 2, 3))
    assert numbers(PLAIN.loss, labels, logits) == pytest.approx(np.log([3, 3]))
    assert numbers(PLAIN.accuracy, labels, logits) == pytest.approx([1 / 3, 1])
    logits[0, 1, 1] = 50, -50, 3
    assert numbers(PLAIN.loss, labels, logits) == pytest.approx(np.log([3, 3]))


def test_an_image_without_labels_costs_nothing() -> None:
    labels = np.full((1, 2, 2), 255, np.uint8)
    logits = np.random.default_rng(0).normal(size=(1, 2, 2, 3))
    assert numbers(PLAIN.loss, labels, logits).tolist() == [0]
    assert numbers(PLAIN.accuracy, labels, logits).tolist() == [1]


def test_classes_have_weights() -> None:
    weighted = SegmentationLoss(np.array([3, 1, 0], np.float32))
    labels = np.array([[[0, 1], [2, 2]]], np.float32)  # as Keras hands them over
    found = numbers(weighted.loss, labels, np.zeros((1, 2, 2, 3)))
    assert found == pytest.approx([np.log(3)])


def test_logits_are_enlarged_to_the_labels() -> None:
    labels = np.zeros((1, 4, 4), np.uint8)
    labels[:, :, 2:] = 1
    logits = np.zeros((1, 2, 2, 3))
    logits[:, :, 0, 0] = logits[:, :, 1, 1] = 30
    assert numbers(PLAIN.accuracy, labels, logits).tolist() == [1]
    # At a quarter of the way, bilinear logits are three quarters and one quarter.
    expected = np.log1p(np.exp(-15)) / 2
    assert numbers(PLAIN.loss, labels, logits) == pytest.approx([expected], abs=1e-5)
