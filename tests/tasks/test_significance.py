import numpy as np
import pytest

from cnnxfer.tasks.significance import (
    Accuracy,
    difference_interval,
    mcnemar_p_value,
    wilson_interval,
)


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


def test_accuracy_text_shows_the_interval() -> None:
    assert Accuracy(0.912, 0.885, 0.93449).text == "91.2% [88.5, 93.4]"


@pytest.mark.parametrize(
    ("other", "one", "low", "high"),
    [
        # Newcombe, 1998, table II, method 10:
        # https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_difference_interval(
    other: tuple[int, int], one: tuple[int, int], low: float, high: float
) -> None:
    pair = wilson_interval(*one), wilson_interval(*other)
    assert difference_interval(*pair) == pytest.approx((low, high), abs=5e-5)
    turned = difference_interval(*pair[::-1])
    assert turned == pytest.approx((-high, -low), abs=5e-5)


@pytest.mark.parametrize(
    ("gained", "lost", "chance"),
    [
        (0, 0, 1.0),
        (3, 3, 1.0),
        (1, 0, 1.0),
        (5, 0, 2 / 32),
        (6, 0, 2 / 64),
        (14, 5, 0.063568115234375),
        (10_000, 9_000, 4.194e-13),
    ],
)
def test_mcnemar_p_value(gained: int, lost: int, chance: float) -> None:
    assert mcnemar_p_value(gained, lost) == pytest.approx(chance, rel=0.01)
    assert mcnemar_p_value(lost, gained) == mcnemar_p_value(gained, lost)


def test_mcnemar_p_value_bounds_false_positives() -> None:
    """Of two equal models, at most one in twenty comparisons is significant."""
    differing = np.random.default_rng(0).binomial(40, 0.5, 4000)
    taken = [mcnemar_p_value(40 - lost, lost) < 0.05 for lost in differing.tolist()]
    assert 0.02 < np.mean(taken) <= 0.05
