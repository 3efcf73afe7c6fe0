import numpy as np
import pytest

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.tasks.calibration import (
    expected_calibration_error,
    fit_temperature,
    reliability_bins,
)
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.classification import BestClass, SoftmaxObjective
from cnnxfer.tasks.multi_label import SigmoidObjective, Thresholds

NAMES = ("a", "b", "c")
EXTREME = np.array([[90, -90, 0, 1], [17.4, 17.5, 40, 0.5]], np.float32)
OBJECTIVES = [("classification", SoftmaxObjective), ("multi-label", SigmoidObjective)]


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


@pytest.mark.parametrize("temperature", [0.5, 1.6, 4.0])
def test_probabilities_of_one_view_are_those_of_the_divided_logits(
    temperature: float,
) -> None:
    task, decision = TASKS.get("classification"), BestClass("", temperature)
    logits = np.concatenate([drawn(50, 3.0)[0], [[80, 80.1, -3]]])
    calibrated = decision.calibrated(task.probabilities(logits.astype(np.float32)))
    expected = task.probabilities(logits / temperature)
    np.testing.assert_allclose(calibrated, expected, rtol=1e-4, atol=1e-6)
    assert (calibrated.argsort(axis=1) == logits.argsort(axis=1)).all()
    several = Thresholds(np.full(4, 0.5), "", temperature)
    calibrated = several.calibrated(TASKS.get("multi-label").probabilities(EXTREME))
    expected = 1 / (1 + np.exp(-EXTREME.astype(np.float64) / temperature))
    np.testing.assert_allclose(calibrated, expected, rtol=2e-4, atol=1e-6)
    # Engines' own probabilities are float32, in which large logits leave no rest.
    rough = (1 / (1 + np.exp(-EXTREME.astype(np.float64)))).astype(np.float32)
    calibrated = several.calibrated(rough)
    assert (np.diff(np.take_along_axis(calibrated, rough.argsort(), 1)) >= 0).all()
    assert calibrated[1, 2] == pytest.approx(expected[1, 2].clip(max=0.99), abs=0.011)


def test_an_answer_is_as_sure_as_the_temperature_says() -> None:
    classes = [(name, name) for name in NAMES]
    found = np.array([0.1, 0.81, 0.09], np.float32)
    odds = found**0.5 / (found**0.5).sum()
    decision = BestClass("unsure", 2.0)
    answer = decision.answer(found, classes, 3, 0.7)
    assert [each.label for each in answer.ranking] == ["b", "a", "c"]
    assert answer.ranking[0].probability == pytest.approx(odds[1])
    assert answer.summary == "unsure"
    assert decision.confidence([found, found]) == pytest.approx([odds[1]] * 2)
    several = Thresholds(np.array([0.2, 0.7, 0.2]), "none", 2.0)
    answer = several.answer(found, classes, 3, None)
    assert answer.labels == ("a", "c")  # 0.25 and 0.24; b has 0.67
    assert several.confidence([found])[0] == pytest.approx(
        0.25 * 0.326 * 0.239, rel=0.01
    )
    for plain in (BestClass(), Thresholds(np.full(3, 0.5))):
        assert plain.calibrated(found) is found


@pytest.mark.parametrize(("task", "objective_class"), OBJECTIVES)
def test_a_score_has_the_temperature_of_its_thresholds(
    task: str, objective_class: type[SoftmaxObjective | SigmoidObjective]
) -> None:
    logits, targets = drawn(300, 3.0)
    objective = objective_class(NAMES, np.ones(3, np.float32), 0.0, 0.1, "macro-f1")
    score = objective.score(logits.astype(np.float32), targets, epoch=1)
    assert score.temperature
    assert score.calibrated_loss
    assert score.calibrated_loss < score.loss
    assert f"{score.loss:.3f} to {score.calibrated_loss:.3f}" in score.calibration_text
    metrics = score.as_metrics(300)
    assert metrics["temperature"] == score.temperature
    assert metrics["val_calibrated_loss"] == score.calibrated_loss
    decision = TASKS.get(task).decision(NAMES, score.thresholds, score.temperature)
    assert decision.settings["temperature"] == score.temperature
    examples = [
        Example("", Labels((label,)), None, None)  # type: ignore[arg-type]
        for label in targets.argmax(axis=1).tolist()
    ]
    found = TASKS.get(task).probabilities(logits.astype(np.float32))
    figures, right = decision.measure(NAMES, list(found), examples)
    assert right.mean() == pytest.approx(score.figures["accuracy"], abs=1e-6)
    assert figures.macro_f1.value == pytest.approx(score.value, abs=1e-6)
    few = objective.score(targets[:9], targets[:9], epoch=1)  # all right
    assert (few.temperature, few.calibrated_loss) == (None, few.loss)
    assert "left as they are" in few.calibration_text
