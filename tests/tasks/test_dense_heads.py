"""Heads of boxes and masks: shapes, saving, the faster twin, other engines."""

from pathlib import Path

import keras
import numpy as np
import pytest
from dense_heads import (
    ANSWERS,
    CELLS,
    HEADS,
    IMAGE_SIZE,
    SHAPES,
    build,
    maps_for,
    numbers,
)

from cnnxfer.networks.fused.network import fused_network
from cnnxfer.networks.saving import load_model, save_model
from cnnxfer.tasks.boxes.detected_objects import DetectedObjects
from cnnxfer.tasks.boxes.detection_head import FIRST_SCORE, detection_head
from cnnxfer.tasks.boxes.detection_loss import DetectionLoss
from cnnxfer.tasks.boxes.iou import iou
from cnnxfer.tasks.boxes.localization_head import VotedBox


def network(name: str) -> keras.Model:
    """Returns a model of pixels: maps, head, and the answer if there is one."""
    head = build(name)
    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    maps = [
        keras.layers.Conv2D(channels, 3, stride, "same")(pixels)
        for stride, (_, _, channels) in zip((8, 16, 32), SHAPES, strict=True)
    ]
    x = head(maps[-len(head.inputs) :])
    return keras.Model(pixels, ANSWERS[name]()(x) if name in ANSWERS else x)


def pixels() -> np.ndarray:
    return np.random.default_rng(3).random((2, IMAGE_SIZE, IMAGE_SIZE, 3), np.float32)


@pytest.mark.parametrize("name", HEADS)
def test_every_weight_matters_for_an_answer_of_the_right_shape(name: str) -> None:
    head, maps = build(name), maps_for(build(name))
    found = numbers(head(maps))
    assert found.shape == (2, *HEADS[name][2])
    assert found.dtype == np.float32
    for weight in head.trainable_weights:
        before = numbers(weight)
        weight.assign(before + 0.1)
        assert not np.allclose(numbers(head(maps)), found), weight.path
        weight.assign(before)


@pytest.mark.parametrize("name", HEADS)
def test_a_saved_network_answers_as_before(name: str, tmp_path: Path) -> None:
    model = network(name)
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numbers(loaded(pixels())), numbers(model(pixels())))


@pytest.mark.parametrize("name", HEADS)
def test_the_twin_that_trains_faster_answers_alike(name: str) -> None:
    head = build(name)
    maps = maps_for(head)
    twin = fused_network(head, "float32")
    np.testing.assert_allclose(
        numbers(twin(maps)), numbers(head(maps)), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", HEADS)
def test_openvino_answers_alike(name: str, tmp_path: Path) -> None:
    from cnnxfer.engines.silent_openvino import openvino

    model = network(name)
    path = tmp_path / "model.xml"
    model.export(str(path), format="openvino", verbose=False)
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", precise)
    found = compiled(pixels())[0]
    expected = numbers(model(pixels()))
    assert np.ptp(expected) > 0
    if name == "detection":  # objects with nearly the same score may change places
        found, expected = (
            sorted(rows[0].round(2).tolist()) for rows in (found, expected)
        )
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=0.011)


def test_first_scores_are_those_of_background() -> None:
    head = detection_head(SHAPES, 3, 0.0, IMAGE_SIZE)
    logits = head([np.zeros((1, *shape), np.float32) for shape in SHAPES])[..., :-4]
    assert np.allclose(numbers(keras.ops.sigmoid(logits)), FIRST_SCORE, rtol=0.02)


def test_a_box_is_voted_for_where_the_weights_are() -> None:
    votes = np.zeros((1, 4, 4, 8), np.float32)
    votes[0, 1, 2] = [0.1, 0.2, 0.3, 0.4, 99, 99, 99, 99]  # its centre: 0.625, 0.375
    box = numbers(VotedBox()(votes))
    assert np.allclose(box, [[0.525, 0.175, 0.925, 0.775]])


def test_detection_learns_what_it_is_shown() -> None:
    keras.utils.set_random_seed(0)
    head = detection_head(SHAPES, 2, 0.0, IMAGE_SIZE)
    maps = maps_for(head)
    boxes = [[0, 10, 10, 30, 40], [1, 5, 0, 70, 72]]
    targets = np.array([[boxes[0]], [boxes[1]]], np.float32)
    head.compile("adam", loss=DetectionLoss(CELLS).loss)
    head.optimizer.learning_rate = 0.01
    for _ in range(60):
        head.train_on_batch(maps, targets)
    answer = numbers(DetectedObjects(CELLS.sides, IMAGE_SIZE)(head(maps)))
    for found, (label, *box) in zip(answer[:, 0], boxes, strict=True):
        assert found[5] == label
        assert found[4] > 0.5
        assert iou(found[:4], np.array(box, float)) > 0.7
