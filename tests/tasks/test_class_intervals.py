"""Tests that figures of classes are scikit-learn's, and how often intervals hold."""

from collections.abc import Iterator

import numpy as np
import pytest
import sklearn
from sklearn import metrics

from cnnxfer.tasks import bootstrap
from cnnxfer.tasks.calibration import expected_calibration_error
from cnnxfer.tasks.class_intervals import (
    one_label_intervals,
    several_label_intervals,
)
from cnnxfer.tasks.class_scores import top_k_accuracy
from cnnxfer.tasks.per_class import average_precisions, resampled_average_precision
from cnnxfer.tasks.significance import Accuracy, wilson_interval

random = np.random.default_rng(18)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has few resamples drawn, and scikit-learn not check its arguments."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 1)
    with sklearn.config_context(skip_parameter_validation=True):
        yield


def answers_of(labels: np.ndarray, classes: int, better: float = 1.0) -> np.ndarray:
    """Returns probabilities that prefer the right class, with many ties."""
    logits = random.normal(0, 1, (len(labels), classes)).round(1)
    logits[np.arange(len(labels)), labels] += better
    exponentials = np.exp(logits)
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


# Together they are a thousand cases, of which a few are enough for every day.
CASES = pytest.mark.parametrize(
    "cases", [30, pytest.param(500, marks=pytest.mark.slow)]
)


@CASES
@pytest.mark.usefixtures("quick")
def test_figures_of_one_label_are_those_of_scikit_learn(cases: int) -> None:
    for _ in range(cases):
        classes, images = random.integers(2, 7), random.integers(1, 40)
        labels = random.integers(random.integers(1, classes + 1), size=images)
        probabilities = answers_of(labels, classes)
        answered = probabilities.argmax(axis=1)
        found = one_label_intervals(probabilities, labels)
        shown = np.unique(labels)
        expected = [
            metrics.f1_score(
                labels, answered, labels=shown, average=average, zero_division=0
            )
            for average in ("macro", "weighted")
        ]
        expected += [
            metrics.recall_score(labels, answered, labels=shown, average="macro"),
            metrics.log_loss(labels, probabilities, labels=np.arange(classes)),
            expected_calibration_error(probabilities.max(axis=1), answered == labels),
        ]
        assert [each.value for each in found] == pytest.approx(expected, abs=1e-6)
        if classes > 2:
            # Without ties, which scikit-learn counts as wrong.
            distinct = probabilities + random.random(probabilities.shape) / 100
            k = int(random.integers(1, classes))
            top = top_k_accuracy(distinct, labels[:, None] == np.arange(classes), k)
            assert top.value == pytest.approx(
                metrics.top_k_accuracy_score(
                    labels, distinct, k=k, labels=np.arange(classes)
                )
            )


@CASES
@pytest.mark.usefixtures("quick")
def test_figures_of_several_labels_are_those_of_scikit_learn(cases: int) -> None:
    for _ in range(cases):
        classes, images = random.integers(1, 6), random.integers(1, 40)
        targets = random.random((images, classes)) < random.random(classes)
        probabilities = (random.random(targets.shape) + targets).round(1) / 2.1
        answers = probabilities > 0.4
        macro, weighted, micro, mean = several_label_intervals(
            probabilities, answers, targets
        )
        scores = [
            metrics.f1_score(shows, answered, zero_division=0)
            for shows, answered in zip(targets.T, answers.T, strict=True)
        ]
        shown = targets.sum(axis=0)
        if not shown.any():
            assert [macro.value, weighted.value, mean.value] == [0, 0, 0]
            continue
        assert macro.value == pytest.approx(np.mean(np.array(scores)[shown > 0]))
        assert weighted.value == pytest.approx(np.average(scores, weights=shown))
        assert micro.value == pytest.approx(
            metrics.f1_score(targets.ravel(), answers.ravel(), zero_division=0)
        )
        precisions = average_precisions(probabilities, targets)
        assert mean.value == pytest.approx(np.nanmean(precisions))


def test_average_precision_of_a_resample_is_that_of_the_drawn_images() -> None:
    scores = random.random(30).round(1)
    shown = random.random(30) < 0.3
    times = random.integers(0, 3, (20, 30))
    times[0, shown] = 0
    found = resampled_average_precision(scores, shown)(times)
    assert np.isnan(found[0])
    for drawn, precision in zip(times[1:], found[1:], strict=True):
        images = np.repeat(np.arange(30), drawn)
        expected = metrics.average_precision_score(shown[images], scores[images])
        assert precision == pytest.approx(expected)


def holds(found: Accuracy, true: float) -> bool:
    return found.low <= true <= found.high


@pytest.mark.parametrize("better", [1.0, 4.0])
def test_intervals_hold_about_as_often_as_they_say(
    better: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those of 100 samples of 60 images; the easy ones are mostly all right.

    With 95% in truth, fewer than 88 hold with a probability of one in 500.
    """
    monkeypatch.setattr(bootstrap, "RESAMPLES", 1)
    labels = random.integers(3, size=20_000)
    probabilities = answers_of(labels, 3, better)
    truth = [each.value for each in one_label_intervals(probabilities, labels)[:3]]
    right = probabilities.argmax(axis=1) == labels
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    held = []
    for _ in range(100):
        sample = random.integers(len(labels), size=60)
        found = one_label_intervals(probabilities[sample], labels[sample])[:3]
        share = wilson_interval(int(right[sample].sum()), len(sample))
        held.append([*map(holds, found, truth), holds(share, right.mean())])
    assert (np.mean(held, axis=0) >= 0.88).all()


def test_a_small_sample_without_a_mistake_does_not_promise_that_there_is_none() -> None:
    labels = np.arange(12) % 3
    intervals = one_label_intervals(np.eye(3, dtype=np.float32)[labels], labels)
    shares = np.eye(3)[labels]
    several = several_label_intervals(shares, shares > 0.5, shares > 0.5)
    for found in (*intervals[:3], *several):
        assert (found.value, found.high) == (1, 1)
        assert 0.5 < found.low < 0.9
