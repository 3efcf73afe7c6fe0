import keras
import numpy as np
import pytest

from cnnxfer.tasks.boxes import detected_objects
from cnnxfer.tasks.boxes.cells import Cells
from cnnxfer.tasks.boxes.detected_objects import MAX_IOU, MIN_SCORE, DetectedObjects
from cnnxfer.tasks.boxes.iou import iou
from cnnxfer.tasks.boxes.suppression import best_boxes

CELLS = Cells((12, 6, 3), 96)


def crowded(num_classes: int, images: int = 3) -> np.ndarray:
    """Returns outputs of a head with many boxes that overlap."""
    random = np.random.default_rng(num_classes)
    logits = random.normal(-1, 2, (images, 189, num_classes))
    distances = random.uniform(2, 30, (images, 189, 4))
    return np.concatenate([logits, distances], axis=-1).astype(np.float32)


def answer(outputs: np.ndarray, cells: Cells = CELLS) -> np.ndarray:
    layer = DetectedObjects(cells.sides, cells.image_size)
    return keras.ops.convert_to_numpy(layer(outputs))


def all_boxes(outputs: np.ndarray) -> np.ndarray:
    """Returns each class of each cell of an image as a row of its own."""
    num_classes = outputs.shape[1] - 4
    low = CELLS.centres - outputs[:, -4:-2]
    high = CELLS.centres + outputs[:, -2:]
    boxes = np.concatenate([low, high], axis=1).clip(0, CELLS.image_size)
    scores = 1 / (1 + np.exp(-outputs[:, :-4]))
    return np.column_stack(
        [
            boxes.repeat(num_classes, axis=0),
            scores.ravel(),
            np.tile(np.arange(num_classes), len(outputs)),
        ]
    )


def mean_of_same(row: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Returns an object with the mean box of the rows that are taken for it."""
    same = rows[(iou(rows[:, :4], row[:4]) > MAX_IOU) & (rows[:, 5] == row[5])]
    box = np.average(same[:, :4], axis=0, weights=same[:, 4])
    return np.concatenate([box, row[4:]])


@pytest.mark.parametrize("num_classes", [1, 3])
def test_it_is_greedy_suppression_with_mean_boxes(num_classes: int) -> None:
    outputs = crowded(num_classes)
    suppressed = 0
    for image, found in zip(outputs, answer(outputs), strict=True):
        rows = all_boxes(image)
        rows = rows[np.argsort(-rows[:, 4])][: detected_objects.CANDIDATES]
        expected = best_boxes(rows[rows[:, 4] >= MIN_SCORE], MAX_IOU)[:100]
        expected = np.array([mean_of_same(row, rows) for row in expected])
        np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-4)
        assert not found[len(expected) :].any()
        suppressed += len(rows) - len(expected)
    assert suppressed > 100


def test_few_rounds_are_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each box shares much with the one before it, and little with others.
    outputs = np.zeros((1, 189, 5), np.float32)
    outputs[..., 0] = -20
    outputs[0, :12, 0] = np.arange(12, 0, -1)
    outputs[0, :12, 1:] = [12, 5, 12, 5]
    found = answer(outputs)[0]
    kept = found[found[:, 4] > 0]
    assert kept[:, 4] == pytest.approx(1 / (1 + np.exp(-np.arange(12.0, 0, -2))))
    monkeypatch.setattr(detected_objects, "ROUNDS", 2)
    assert not np.allclose(answer(outputs)[0], found)


def test_rows_without_an_object_are_zero() -> None:
    outputs = np.full((2, 189, 6), -10, np.float32)
    outputs[..., 2:] = 5
    outputs[0, 100, 1] = 2
    found = answer(outputs)
    assert found.shape == (2, 100, 6)
    x, y = CELLS.centres[100]
    score = 1 / (1 + np.exp(-2))
    expected = [x - 5, y - 5, x + 5, y + 5, score, 1]
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-6)
    assert not found[0, 1:].any()
    assert not found[1].any()


def test_fewer_cells_than_rows() -> None:
    outputs = np.zeros((1, 5, 5), np.float32)
    found = answer(outputs, Cells((2, 1), 32))
    assert found.shape == (1, 100, 6)
    assert np.count_nonzero(found[0, :, 4]) == 5
