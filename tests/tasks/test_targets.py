from pathlib import Path

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.tasks.targets import targets_of


def test_each_label_of_an_image_is_one() -> None:
    labels = [(2,), (0, 2), (), (1,)]
    examples = [Example("a.jpg", each, None, Path("a.jpg")) for each in labels]
    targets = targets_of(examples, 3)
    assert targets.dtype == np.float32
    assert targets.tolist() == [[0, 0, 1], [1, 0, 1], [0, 0, 0], [0, 1, 0]]
