import numpy as np

from cnnxfer.data.feeding.order import repetitions


def test_repetitions_count_how_often_an_image_came_before() -> None:
    assert repetitions(np.array([5, 2, 5, 5, 0, 2])).tolist() == [0, 0, 1, 2, 0, 1]
    assert not repetitions(np.random.default_rng(0).permutation(50)).any()
