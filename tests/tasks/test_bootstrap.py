import numpy as np
import pytest

from cnnxfer.tasks import bootstrap
from cnnxfer.tasks.bootstrap import (
    RESAMPLES,
    bootstrap_intervals,
    mean_with_interval,
    resamples,
)
from cnnxfer.tasks.significance import Accuracy, wilson_interval


@pytest.mark.parametrize("images", [1, 7, 300])
def test_as_many_images_as_there_are_are_drawn_with_replacement(
    images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = np.concatenate(list(resamples(images)))
    assert times.shape == (RESAMPLES, images)
    assert (times.sum(axis=1) == images).all()
    # Each is drawn once on average, and with a variance of 1 - 1 / images.
    assert times.mean(axis=0) == pytest.approx(1, abs=0.2)
    assert times.var() == pytest.approx(1 - 1 / images, rel=0.05)
    monkeypatch.setattr(bootstrap, "BLOCK", 2 * images)
    blocks = list(resamples(images))
    assert {len(block) for block in blocks} == {2}
    np.testing.assert_array_equal(np.concatenate(blocks), times)


def test_the_interval_of_a_share_is_about_that_of_wilson() -> None:
    right = np.arange(200) < 140
    mean = mean_with_interval(right)
    wilson = wilson_interval(140, 200)
    assert mean.value == wilson.value
    assert (mean.low, mean.high) == pytest.approx((wilson.low, wilson.high), abs=0.01)


def test_the_interval_turns_resamples_around_and_has_the_figure_in_it() -> None:
    def statistic(times: np.ndarray) -> np.ndarray:
        spread = np.linspace(0, 1, len(times))
        return np.stack([0.3 + 0.4 * spread, 0.95 + 0.04 * spread], axis=1)

    within, beside = bootstrap_intervals([0.4, 0.9], 1, statistic)
    ends = np.percentile(np.linspace(0, 1, RESAMPLES), [2.5, 97.5])
    assert (within.low, within.high) == pytest.approx(0.8 - (0.3 + 0.4 * ends[::-1]))
    assert (beside.low, beside.high) == pytest.approx(
        (1.8 - 0.95 - 0.04 * ends[1], 0.9)
    )


def test_resamples_without_the_figure_are_left_out() -> None:
    """The figure is 1 wherever the first of three images is drawn, else unknown."""

    def statistic(times: np.ndarray) -> np.ndarray:
        known = np.where(times[:, 0] > 0, 1, np.nan)
        return np.stack([known, np.full(len(times), np.nan)], axis=1)

    first, unknown = bootstrap_intervals([1, 0.5], 3, statistic)
    assert first == Accuracy(1, 1, 1)
    assert unknown == Accuracy(0.5, 0, 1)
