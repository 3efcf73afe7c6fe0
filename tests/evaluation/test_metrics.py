import numpy as np
import pytest

from cnnxfer.evaluation.metrics import top_k_accuracy, wilson_interval


@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [
        # Newcombe, 1998, table I, method 3:
        # https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_interval(correct: int, images: int, low: float, high: float) -> None:
    accuracy = wilson_interval(correct, images)
    assert accuracy.value == correct / images
    assert accuracy.low == pytest.approx(low, abs=5e-5)
    assert accuracy.high == pytest.approx(high, abs=5e-5)
    assert 0 <= accuracy.low <= accuracy.value <= accuracy.high <= 1


@pytest.mark.parametrize(("k", "expected"), [(1, 0.25), (2, 0.5), (3, 1), (9, 1)])
def test_top_k_accuracy(k: int, expected: float) -> None:
    probabilities = np.array(
        [[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]]
    )
    labels = np.array([0, 1, 0, 0])
    assert top_k_accuracy(probabilities, labels, k).value == expected


def test_ties_go_to_the_first_class_as_in_a_ranking() -> None:
    even = np.full((2, 4), 0.25)
    assert top_k_accuracy(even, np.array([0, 1]), 1).value == 0.5
    assert top_k_accuracy(even, np.array([1, 2]), 2).value == 0.5
