"""Tests that the quality of an answer says how good it is."""

from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.annotation import Annotation, Labels
from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.dataset import Example
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.tasks.boxes.detection import AllObjects
from cnnxfer.tasks.boxes.localization import OneBox
from cnnxfer.tasks.classification import BestClass
from cnnxfer.tasks.masks.segmentation import EachPixel
from cnnxfer.tasks.multi_label import Thresholds
from cnnxfer.tasks.task import Decision

NAMES = ("cat", "dog")
CAT = Objects((LabelledBox(0, (0, 0, 50, 50)),), 100, 100)
WHOLE, HALF, FAR = [0, 0, 50, 50], [0, 0, 50, 25], [60, 60, 90, 90]


class Drawn:
    """A mask whose left half is a cat and whose right half is a dog."""

    name = "drawn"

    def read(self, width: int, height: int) -> np.ndarray:
        return np.repeat(np.array([[0, 0, 1, 1]], np.uint8), 2, axis=0)


def rows(*answers: tuple[list[float], float, int]) -> np.ndarray:
    return np.array([[*box, score, label] for box, score, label in answers], np.float32)


@pytest.mark.parametrize(
    ("decision", "annotation", "found", "expected"),
    [
        (BestClass(), Labels((1,)), [[0.7, 0.3], [0.1, 0.9]], [0.3, 0.9]),
        (
            Thresholds(np.full(2, 0.5)),
            Labels((0,)),
            [[0.8, 0.1], [0.5, 0.5]],
            [0.72, 0.25],
        ),
        (
            OneBox(NAMES, 0),
            CAT,
            [rows((WHOLE, 0.9, 0)), rows((HALF, 0.9, 0)), rows((WHOLE, 0.9, 1))],
            [1, 0.5, 0],
        ),
        (
            AllObjects(NAMES, 0.5),
            CAT,
            [
                rows((WHOLE, 0.9, 0)),
                rows((WHOLE, 0.9, 0), (FAR, 0.8, 1)),
                rows((WHOLE, 0.4, 0)),
            ],
            [1, 2 / 3, 0],
        ),
        (AllObjects(NAMES, 0.5), Objects(), [rows((WHOLE, 0.1, 0))], [1]),
        (
            EachPixel(NAMES),
            ClassMask(Drawn(), {0: 0, 1: 1}, (0, 1), 4, 2),
            [Drawn().read(4, 2), np.zeros((2, 4), np.uint8)],
            [1, 0.25],
        ),
    ],
)
def test_quality(
    decision: Decision, annotation: Annotation, found: list, expected: list[float]
) -> None:
    examples = [Example("a", annotation, None, Path("none"))] * len(found)
    arrays = [np.array(each) for each in found]
    assert decision.quality(arrays, examples) == pytest.approx(expected)
