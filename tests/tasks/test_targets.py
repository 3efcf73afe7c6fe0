from pathlib import Path

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.tasks.targets import repetitions, targets_of


def test_each_label_of_an_image_is_one() -> None:
    labels = [(2,), (0, 2), (), (1,)]
    examples = [Example("a.jpg", each, None, Path("a.jpg")) for each in labels]
    targets = targets_of(examples, 3)
    assert targets.dtype == np.float32
    assert targets.tolist() == [[0, 0, 1], [1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_repetitions_count_how_often_an_image_came_before() -> None:
    assert repetitions(np.array([5, 2, 5, 5, 0, 2])).tolist() == [0, 0, 1, 2, 0, 1]
    assert not repetitions(np.random.default_rng(0).permutation(50)).any()
