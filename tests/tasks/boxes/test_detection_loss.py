import keras
import numpy as np
import pytest

from cnnxfer.tasks.boxes.cells import Cells
from cnnxfer.tasks.boxes.detection_loss import DetectionLoss

CELLS = Cells((40, 20, 10), 320)
LOSS = DetectionLoss(CELLS)
BACKGROUND = -20.0  # a logit


def targets(*images: list[list[float]], rows: int = 4) -> np.ndarray:
    """Returns the targets of images, each a list of class, left, top, right, bottom."""
    found = np.full((len(images), rows, 5), -1, np.float32)
    for row, image in zip(found, images, strict=True):
        row[: len(image)] = np.reshape(image, (-1, 5))
    return found


def outputs(images: int = 1, classes: int = 2) -> np.ndarray:
    """Returns outputs that find nothing."""
    found = np.full((images, 2100, classes + 4), BACKGROUND, np.float32)
    found[..., -4:] = 1
    return found


def perfect(objects: np.ndarray, classes: int = 2) -> np.ndarray:
    """Returns outputs that are right, wherever a cell learns an object."""
    found = outputs(len(objects), classes)
    for image, (cells, rows) in enumerate(assigned(objects)):
        for cell, row in zip(cells, rows, strict=True):
            x, y = CELLS.centres[cell]
            label, left, top, right, bottom = row
            found[image, cell, int(label)] = -BACKGROUND
            found[image, cell, -4:] = x - left, y - top, right - x, bottom - y
    return found


def assigned(objects: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the cells that learn an object, and its row, for each image."""
    learned, rows = map(
        keras.ops.convert_to_numpy, LOSS._assigned(keras.ops.array(objects))
    )
    return [
        (np.flatnonzero(cells), row[cells > 0])
        for cells, row in zip(learned, rows, strict=True)
    ]


def losses(objects: np.ndarray, found: np.ndarray) -> np.ndarray:
    result = LOSS.loss(keras.ops.array(objects), keras.ops.array(found))
    return keras.ops.convert_to_numpy(result)


@pytest.mark.parametrize(
    ("side", "stride"), [(40, 8), (127, 8), (128, 16), (250, 16), (256, 32), (320, 32)]
)
def test_one_map_learns_an_object_around_its_middle(side: float, stride: float) -> None:
    box = [160 - side / 2, 150, 160 + side / 2, 170 + side / 2]
    [(cells, rows)] = assigned(targets([[1, *box]]))
    assert (rows == [1, *box]).all()
    assert set(CELLS.strides[cells]) == {stride}
    away = abs(CELLS.centres[cells] - [160, 160 + side / 4]).max(axis=1)
    assert away.max() <= 1.5 * stride
    assert 9 <= len(cells) <= 16


def test_every_object_is_learned_by_some_cell() -> None:
    random = np.random.default_rng(0)
    sides = np.exp(random.uniform(0, np.log(320), (500, 2)))
    low = random.uniform(0, 1, (500, 2)) * (320 - sides)
    boxes = np.column_stack([np.zeros(500), low, low + sides]).astype(np.float32)
    assert all(len(cells) for cells, _ in assigned(boxes[:, None]))


def test_the_smaller_object_gets_a_cell_that_two_want() -> None:
    small, large = [1, 140, 140, 180, 180], [0, 110, 110, 210, 210]
    [(cells, rows)] = assigned(targets([large, small]))
    assert (rows == small).all(axis=1).any()
    inside = abs(CELLS.centres[cells] - 160).max(axis=1) < 12
    assert (rows[inside] == small).all()


def test_right_answers_cost_nothing_and_wrong_ones_something() -> None:
    objects = targets([[0, 20, 30, 110, 150], [1, 200, 200, 204, 204]], [])
    right = perfect(objects)
    assert losses(objects, right) == pytest.approx([0, 0], abs=1e-4)
    assert losses(objects, outputs(2))[0] > 2
    other_class = right.copy()
    other_class[..., :2] = right[..., 1::-1]
    assert losses(objects, other_class)[0] > 10
    larger = right.copy()
    larger[..., -4:] *= 1.2
    assert losses(objects, larger)[0] > 0.3
    false_alarm = right.copy()
    false_alarm[1, 700, 0] = 3
    assert losses(objects, false_alarm)[1] > 2


def test_cells_in_a_crowd_do_not_count_unless_they_learn_an_object() -> None:
    crowd, inside = [-2, 0, 0, 160, 160], [0, 20, 20, 60, 60]
    found = outputs()
    found[0, (CELLS.centres < 160).all(axis=1), :2] = 5
    assert losses(targets([crowd]), found) == pytest.approx([0], abs=1e-4)
    assert losses(targets([[-1, *crowd[1:]]]), found)[0] > 100
    assert losses(targets([crowd, inside]), outputs())[0] > 1.9


def test_an_image_counts_alike_in_any_batch() -> None:
    objects = targets([[0, 20, 30, 110, 150]], [[1, 5, 5, 50, 50], [0, 9, 9, 300, 300]])
    found = np.random.default_rng(0).normal(size=(2, 2100, 6)).astype(np.float32)
    found[..., -4:] = abs(found[..., -4:]) * 50
    alone = [losses(objects[i : i + 1], found[i : i + 1])[0] for i in range(2)]
    assert losses(objects, found) == pytest.approx(alone)


def test_accuracy_is_the_share_of_objects_found() -> None:
    objects = targets([[0, 20, 30, 110, 150], [1, 200, 200, 280, 280]], [])
    right = perfect(objects)

    def accuracy(found: np.ndarray) -> np.ndarray:
        shares = LOSS.accuracy(keras.ops.array(objects), keras.ops.array(found))
        return keras.ops.convert_to_numpy(shares)

    assert accuracy(right).tolist() == [1, 1]
    assert accuracy(outputs(2)).tolist() == [0, 1]
    half = right.copy()
    half[..., 1] = BACKGROUND
    assert accuracy(half).tolist() == [0.5, 1]
