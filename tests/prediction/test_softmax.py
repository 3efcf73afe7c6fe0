import numpy as np

from cnnxfer.prediction.softmax import softmax


def test_rows_sum_to_one() -> None:
    logits = np.array([[0, np.log(3)], [1000, 0], [-1000, -1000]], np.float32)
    expected = [[0.25, 0.75], [1, 0], [0.5, 0.5]]
    np.testing.assert_allclose(softmax(logits), expected, atol=1e-6)
