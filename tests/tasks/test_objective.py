"""Losses follow the definitions of the papers, and scores their formulas."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from recording_reporter import RecordingReporter

from cnnxfer.config import Config
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.classification import SoftmaxObjective
from cnnxfer.tasks.multi_label import SigmoidObjective
from cnnxfer.tasks.task import Objective

CLASSES = 4
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 2, (16, CLASSES)).astype(np.float32)
ONE = np.eye(CLASSES, dtype=np.float32)[RANDOM.integers(0, CLASSES, 16)]
SEVERAL = (RANDOM.random((16, CLASSES)) < 0.4).astype(np.float32)
WEIGHTS = np.array([0.5, 1, 2, 4], np.float32)

SETTINGS = {
    "class_names": "abcd",
    "class_weights": np.ones(CLASSES, np.float32),
    "focal_gamma": 0.0,
    "label_smoothing": 0.0,
    "monitor": "accuracy",
}


def softmax_objective(**values: Any) -> SoftmaxObjective:
    return SoftmaxObjective(**{**SETTINGS, **values})


def sigmoid_objective(**values: Any) -> SigmoidObjective:
    return SigmoidObjective(**{**SETTINGS, **values})


PLAIN = softmax_objective()
BOTH = pytest.mark.parametrize("kind", [SoftmaxObjective, SigmoidObjective])


def losses(objective: Objective, targets: np.ndarray, logits: Any = LOGITS) -> Any:
    return ops.convert_to_numpy(objective.loss(targets, ops.convert_to_tensor(logits)))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def test_one_label_is_softmax_cross_entropy() -> None:
    expected = -np.log((softmax(LOGITS) * ONE).sum(axis=1))
    np.testing.assert_allclose(losses(PLAIN, ONE), expected, rtol=1e-5, atol=1e-6)


def test_several_labels_are_sigmoid_cross_entropy() -> None:
    p = sigmoid(LOGITS)
    each = -np.where(SEVERAL == 1, np.log(p), np.log(1 - p))
    found = losses(sigmoid_objective(), SEVERAL)
    np.testing.assert_allclose(found, each.mean(axis=1), rtol=1e-5, atol=1e-6)


def test_the_loss_of_guessing_is_that_of_equal_probabilities() -> None:
    assert PLAIN.chance_loss(ONE) == pytest.approx(np.log(CLASSES))
    assert sigmoid_objective().chance_loss(SEVERAL) == pytest.approx(np.log(2))


def test_label_smoothing_is_that_of_keras_and_ignored_for_several_labels() -> None:
    keras_loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.1, reduction="none"
    )
    found = losses(softmax_objective(label_smoothing=0.1), ONE)
    np.testing.assert_allclose(found, keras_loss(ONE, LOGITS), rtol=1e-5)
    smooth, plain = (
        losses(sigmoid_objective(label_smoothing=share), SEVERAL)
        for share in (0.1, 0.0)
    )
    np.testing.assert_array_equal(smooth, plain)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_is_that_of_the_paper(gamma: float) -> None:
    p = (softmax(LOGITS) * ONE).sum(axis=1)
    expected = -((1 - p) ** gamma) * np.log(p)
    found = losses(softmax_objective(focal_gamma=gamma), ONE)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    p = np.where(SEVERAL == 1, sigmoid(LOGITS), 1 - sigmoid(LOGITS))
    expected = (-((1 - p) ** gamma) * np.log(p)).mean(axis=1)
    found = losses(sigmoid_objective(focal_gamma=gamma), SEVERAL)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@BOTH
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_finite_for_confident_answers(
    kind: type[Any], gamma: float
) -> None:
    import tensorflow as tf

    objective = kind(**{**SETTINGS, "focal_gamma": gamma})
    logits = tf.Variable([[200.0, -200.0, 0.0, 0.0], [-200.0, 200.0, 20.0, -20.0]])
    targets = np.eye(CLASSES, dtype=np.float32)[[0, 0]]
    with tf.GradientTape() as tape:
        loss = objective.loss(targets, logits)
    slopes = tape.gradient(loss, logits).numpy()
    assert np.isfinite(loss).all()
    assert np.isfinite(slopes).all()
    # The wrong one is pushed the right way, and harder than the right one.
    assert slopes[1, 0] < -0.1
    assert np.abs(slopes[0]).max() < np.abs(slopes[1]).max()


def test_class_weights_count_by_the_label() -> None:
    labels = ONE.argmax(axis=1)
    found = losses(softmax_objective(class_weights=WEIGHTS), ONE)
    np.testing.assert_allclose(found, WEIGHTS[labels] * losses(PLAIN, ONE), rtol=1e-5)


def test_class_weights_of_mixed_images_count_by_their_shares() -> None:
    mixed = 0.7 * ONE + 0.3 * ONE[::-1]
    shares = 0.7 * WEIGHTS[ONE.argmax(1)] + 0.3 * WEIGHTS[ONE[::-1].argmax(1)]
    found = losses(softmax_objective(class_weights=WEIGHTS), mixed)
    np.testing.assert_allclose(found, shares * losses(PLAIN, mixed), rtol=1e-5)


def test_class_weights_of_several_labels_count_where_the_class_is_there() -> None:
    p = sigmoid(LOGITS)
    each = -np.where(SEVERAL == 1, WEIGHTS * np.log(p), np.log(1 - p))
    found = losses(sigmoid_objective(class_weights=WEIGHTS), SEVERAL)
    np.testing.assert_allclose(found, each.mean(axis=1), rtol=1e-5, atol=1e-6)


def test_accuracy_requires_all_labels_to_be_correct() -> None:
    found = ops.convert_to_numpy(PLAIN.accuracy(ONE, LOGITS))
    assert found.tolist() == (LOGITS.argmax(1) == ONE.argmax(1)).astype(float).tolist()
    logits = np.array([[2, -1, 3, -4], [2, -1, 3, 4.0]])
    right = sigmoid_objective().accuracy(np.array([[1, 0, 1, 0.0]] * 2), logits)
    assert ops.convert_to_numpy(right).tolist() == [1, 0]


def test_the_score_is_accuracy_macro_f1_and_cross_entropy() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1]])
    shifts = np.array([[5], [-300], [0.1]])  # softmax doesn't see them
    logits = (np.log(probabilities) + shifts).astype(np.float32)
    objective = softmax_objective(
        label_smoothing=0.1, focal_gamma=2.0
    )  # of training alone
    score = objective.score(logits, np.eye(3, dtype=np.float32)[[0, 1, 1]], epoch=4)
    assert score.figures["accuracy"] == 0.666667
    # Both classes that are there: 1, and 2/3 of the one that was missed once. The
    # third, an answer that no image asks for, doesn't count.
    assert score.figures["macro-f1"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-6)
    assert score.loss == pytest.approx(-np.log(0.7 * 0.3 * 0.8) / 3, abs=1e-5)
    assert (score.epoch, score.monitor, score.thresholds) == (4, "accuracy", {})


def test_the_score_of_several_labels_is_that_at_its_thresholds() -> None:
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]], np.float32)
    # The first is told apart at 0.73, the second with one mistake, the third is
    # shown by none.
    logits = np.array([[2, -3, 0], [1.5, -1, 0], [0.5, -4, 0], [-1, -5, 0]], np.float32)
    objective = sigmoid_objective(class_names="abc", monitor="mean-average-precision")
    score = objective.score(logits, targets, epoch=1)
    assert score.temperature
    divided = np.array([1.5, 0.5]) / score.temperature
    first = sigmoid(divided).mean()
    assert score.thresholds["a"] == pytest.approx(first, abs=2e-6)
    assert score.thresholds["c"] == 0.5
    # The second: found once of once from -2 on, or twice of three from -4.5 on.
    assert score.figures["macro-f1"] == pytest.approx((1 + 0.8) / 2, abs=1e-6)
    assert score.figures["mean-average-precision"] == pytest.approx(
        (1 + 5 / 6) / 2, abs=1e-6
    )
    # The third is answered for all, at 0.5; no image is right in all its labels.
    assert score.figures["accuracy"] == 0
    p = sigmoid(logits)
    loss = -np.where(targets == 1, np.log(p), np.log(1 - p)).mean()
    assert score.loss == pytest.approx(loss, abs=1e-6)
    assert score.value == score.figures["mean-average-precision"]


@BOTH
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_finite_give_such_a_loss(
    kind: type[Any], bad: float
) -> None:
    logits = np.array([[0.0, 1.0], [bad, 0.0]], np.float32)
    score = kind(**{**SETTINGS, "class_names": "ab"}).score(
        logits, np.array([[0, 1], [0, 1.0]]), epoch=1
    )
    assert not np.isfinite(score.loss)


def objective_of(
    counts: list[int], task: str = "classification", **settings: Any
) -> tuple[Any, list[str]]:
    """Returns the objective for numbers of images per class, and the messages."""
    reporter = RecordingReporter()
    objective = TASKS.get(task).objective(
        Config(**settings),
        [],
        "abcdef"[: len(counts)],
        [
            Example("", Labels((label,)), None, Path())
            for label, count in enumerate(counts)
            for _ in range(count)
        ],
        label_smoothing=0.2,
        reporter=reporter,
    )
    return objective, reporter.infos


@pytest.mark.parametrize(
    ("counts", "task", "asked", "monitor", "said"),
    [
        ([20, 20, 8], "classification", "auto", "accuracy", None),
        (
            [60, 20, 5],
            "classification",
            "auto",
            "macro-f1",
            "one class has 12 times the images of another, so macro-F1 selects the "
            "best epoch",
        ),
        ([60, 20, 5], "classification", "accuracy", "accuracy", None),
        ([20, 20, 20], "classification", "macro-f1", "macro-f1", None),
        (
            [9, 9],
            "multi-label",
            "auto",
            "mean-average-precision",
            "images may have several labels, so mean average precision selects the "
            "best epoch",
        ),
        ([9, 9], "multi-label", "macro-f1", "macro-f1", None),
    ],
)
def test_skewed_classes_are_monitored_by_macro_f1_which_is_reported(
    counts: list[int], task: str, asked: str, monitor: str, said: str | None
) -> None:
    objective, lines = objective_of(counts, task, monitor=asked)
    assert objective.monitor == monitor
    assert lines == ([said] if said else [])


def test_the_objective_follows_the_settings() -> None:
    objective, _ = objective_of(
        [30, 10], class_weights="auto", loss="focal", focal_gamma=3.0
    )
    assert objective.focal_gamma == 3
    assert objective.label_smoothing == 0.2
    assert objective.class_weights[1] == pytest.approx(3 * objective.class_weights[0])
    plain, _ = objective_of([30, 10], focal_gamma=3.0)
    assert plain.focal_gamma == 0
