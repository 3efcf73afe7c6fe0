import numpy as np
import pytest

from cnnxfer.tasks.multi_label import Thresholds
from cnnxfer.tasks.per_class import f1_scores
from cnnxfer.tasks.thresholds import choose_thresholds


def choose(probabilities: list[float], shown: list[int]) -> float:
    columns = np.array(probabilities)[:, None], np.array(shown)[:, None]
    (threshold,) = choose_thresholds(*columns)
    return float(threshold)


def test_no_threshold_has_a_higher_f1_score() -> None:
    random = np.random.default_rng(0)
    targets = (random.random((200, 5)) < [0.02, 0.1, 0.3, 0.5, 0.9]).astype(np.float32)
    noise = random.normal(size=targets.shape)
    probabilities = 1 / (1 + np.exp(2 - 2 * targets - noise))
    thresholds = choose_thresholds(probabilities, targets)
    chosen = f1_scores(Thresholds(thresholds).answers(probabilities), targets)
    for other in np.linspace(0.001, 0.999, 999):
        assert (f1_scores(probabilities >= other, targets) <= chosen + 1e-12).all()
    assert len(set(thresholds)) == 5


def test_a_threshold_lies_halfway_between_probabilities() -> None:
    assert choose([0.9, 0.7, 0.3, 0.1], [1, 1, 0, 0]) == 0.5
    assert choose([0.3, 0.02, 0.01, 0.01], [1, 0, 0, 0]) == pytest.approx(0.16)


def test_of_equally_good_thresholds_the_nearest_to_a_half_is_chosen() -> None:
    # F1 is 2/3 from 0.85 on (one hit of one), and from 0.4 on (two of four).
    assert choose([0.9, 0.8, 0.7, 0.6, 0.2, 0.1], [1, 0, 0, 1, 0, 0]) == 0.4


def test_a_threshold_does_not_separate_equal_probabilities() -> None:
    probabilities, shown = [0.8, 0.4, 0.4, 0.4, 0.1], [1, 1, 0, 0, 0]
    assert choose(probabilities, shown) == pytest.approx(0.6)


def test_neighbouring_probabilities_are_separated() -> None:
    low, high = 0.333333, 0.333334
    threshold = choose([high, low, 0.1], [1, 0, 0])
    assert low < threshold <= high
    assert threshold == round(threshold, 6)


@pytest.mark.parametrize(
    ("probabilities", "shown"),
    [
        ([0.9, 0.1], [0, 0]),  # no image shows it
        ([0.2, 0.2, 0.2], [1, 0, 0]),  # all look alike
        ([0.0, 0.0], [1, 0]),
        ([0.3, 0.2, 0.1], [0, 0, 1]),  # the wrong way round: "always" is best
        ([0.4, 0.3, 0.2, 0.1], [1, 0, 0, 1]),  # "always" is as good
        ([float("nan")] * 2, [1, 0]),
        ([0.7], [1]),
    ],
)
def test_the_threshold_is_a_half_if_nothing_is_better(
    probabilities: list[float], shown: list[int]
) -> None:
    assert choose(probabilities, shown) == 0.5
