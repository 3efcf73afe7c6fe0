import numpy as np
import pytest

from cnnxfer.tasks.probabilities import (
    as_probabilities,
    reaches,
    sigmoid,
    softmax,
)

LOGITS = np.array([[0, np.log(3)], [1000, 0], [-1000, -1000]], np.float32)


def test_rows_sum_to_one() -> None:
    expected = [[0.25, 0.75], [1, 0], [0.5, 0.5]]
    np.testing.assert_allclose(softmax(LOGITS), expected, atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_sigmoid_gives_independent_probabilities() -> None:
    expected = [[0.5, 0.75], [1, 0.5], [0, 0]]
    np.testing.assert_allclose(sigmoid(LOGITS), expected, atol=1e-6)
    assert sigmoid(LOGITS).dtype == np.float32


def test_outputs_of_each_kind_become_probabilities() -> None:
    half = np.full((2, 3), 0.5)
    np.testing.assert_array_equal(as_probabilities(LOGITS, "logits"), softmax(LOGITS))
    np.testing.assert_array_equal(
        as_probabilities(LOGITS, "multi-label logits"), sigmoid(LOGITS)
    )
    for outputs in ("probabilities", "multi-label probabilities"):
        np.testing.assert_array_equal(as_probabilities(half, outputs), half)


def test_the_printed_probability_is_compared_with_the_threshold() -> None:
    thresholds = np.array([0.3, 0.7])
    probabilities = np.array(
        [[0.3, 0.7], [0.299999, 0.699999], [0.2999996, 0.6999996]], np.float32
    )
    expected = [[True, True], [False, False], [True, True]]
    assert reaches(probabilities, thresholds).tolist() == expected
    assert reaches(probabilities[0], thresholds).tolist() == [True, True]
