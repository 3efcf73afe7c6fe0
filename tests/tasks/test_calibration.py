import numpy as np
import pytest

from cnnxfer.tasks.calibration import (
    expected_calibration_error,
    fit_temperature,
    reliability_bins,
)


def softmax_losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    losses: np.ndarray = np.log(np.exp(logits).sum(axis=1)) - (logits * targets).sum(1)
    return losses


def drawn(images: int, scale: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns logits and targets whose true temperature is `scale`."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(images, 3)) * 2
    labels = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    return logits * scale, np.eye(3)[labels]


def plain_error(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Returns the expected calibration error, word for word as the paper defines it."""
    error = 0.0
    for number in range(1, bins + 1):
        low, high = (number - 1) / bins, number / bins
        inside = (confidence > low) & (confidence <= high)
        if number == 1:
            inside |= confidence == 0
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            error += inside.sum() / len(confidence) * gap
    return error


def test_the_calibration_error_is_the_papers() -> None:
    random = np.random.default_rng(1)
    for case in range(1000):
        answers, bins = int(random.integers(1, 60)), int(random.integers(1, 20))
        confidence = random.random(answers)
        if case % 2:  # on the edges of bins, with 0 and 1
            confidence = random.integers(0, bins + 1, answers) / bins
        right = random.random(answers) < 0.7
        expected = plain_error(confidence, right, bins)
        measured = expected_calibration_error(confidence, right, bins)
        assert measured == pytest.approx(expected, abs=1e-12)


def test_bins_tell_confidence_and_the_share_that_is_right() -> None:
    confidence = np.array([0.0, 0.5, 0.51, 0.9, 1.0])
    low, high = reliability_bins(confidence, np.array([0, 1, 0, 1, 1], bool), bins=2)
    assert (low.low, low.high, low.count, low.right) == (0.0, 0.5, 2, 0.5)
    assert low.confidence == pytest.approx(0.25)
    assert (high.count, high.right) == (3, pytest.approx(2 / 3))
    (only,) = reliability_bins(np.full(4, 0.95), np.ones(4, bool))
    assert only.high == 1.0  # bins without an answer are left out


@pytest.mark.parametrize("scale", [0.4, 1.7, 3.0])
def test_the_temperature_that_was_drawn_with_is_found(scale: float) -> None:
    temperature = fit_temperature(*drawn(20_000, scale), softmax_losses)
    assert temperature == pytest.approx(scale, rel=0.05)


def test_no_other_temperature_has_a_lower_log_loss() -> None:
    logits, targets = drawn(200, 2.5)
    best = fit_temperature(logits, targets, softmax_losses)
    assert best
    least = softmax_losses(logits / best, targets).sum()
    for other in np.geomspace(0.05, 20, 200):
        assert softmax_losses(logits / other, targets).sum() >= least - 1e-3


def test_there_is_none_where_the_images_do_not_tell_it() -> None:
    logits, targets = drawn(20_000, 1.0)  # as it should be
    assert fit_temperature(logits, targets, softmax_losses) is None
    logits, targets = drawn(15, 1.3)  # too few images
    assert fit_temperature(logits, targets, softmax_losses) is None
    right = np.eye(3)[np.arange(90) % 3]  # all right: the surer, the better
    assert fit_temperature(right, right, softmax_losses) is None
    assert fit_temperature(-right, right, softmax_losses) is None  # all wrong
    unknown = np.full((90, 3), np.nan)
    assert fit_temperature(unknown, right, softmax_losses) is None
