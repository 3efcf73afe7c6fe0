from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.tasks.class_figures import Confusion, measure_classes
from cnnxfer.tasks.class_scores import score_classes, top_k_accuracy
from cnnxfer.tasks.multi_label import Thresholds
from cnnxfer.tasks.significance import wilson_interval

NAMES = ("a", "b", "c", "d")


@pytest.mark.parametrize(("k", "expected"), [(1, 0.25), (2, 0.5), (3, 1), (9, 1)])
def test_top_k_accuracy(k: int, expected: float) -> None:
    probabilities = np.array(
        [[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]]
    )
    targets = np.eye(3, dtype=bool)[[0, 1, 0, 0]]
    assert top_k_accuracy(probabilities, targets, k).value == expected
    assert top_k_accuracy(probabilities, targets | True, k).value == 1


def test_ties_are_ranked_in_class_order() -> None:
    even = np.full((2, 4), 0.25)
    targets = np.eye(4, dtype=bool)
    assert top_k_accuracy(even, targets[[0, 1]], 1).value == 0.5
    assert top_k_accuracy(even, targets[[1, 2]], 2).value == 0.5


def test_scores_per_class() -> None:
    """2 of 3 images of class a are found, with one false positive; d has no image."""
    targets = np.eye(4, dtype=bool)[[0, 0, 0, 1, 2]]
    answers = np.eye(4, dtype=bool)[[0, 0, 3, 0, 2]]
    a, b, c, d = score_classes(NAMES, answers.astype(float), answers, targets)
    assert (a.label, a.images, a.correct, a.named) == ("a", 3, 2, 3)
    assert a.recall == a.precision == wilson_interval(2, 3)
    assert a.f1 == pytest.approx(2 / 3)
    assert (b.recall, b.precision, b.f1) == (wilson_interval(0, 1), None, 0)
    assert (c.recall, c.precision, c.f1) == (*[wilson_interval(1, 1)] * 2, 1)
    assert (d.recall, d.precision, d.f1) == (None, wilson_interval(0, 1), None)
    assert {row.threshold for row in (a, b, c, d)} == {None}
    assert a.average_precision == pytest.approx(2 / 3 * 2 / 3 + 1 / 3 * 3 / 5)
    assert c.roc_auc == c.average_precision == 1
    assert d.roc_auc is d.average_precision is None


def test_multi_label_scores() -> None:
    probabilities = np.array([[0.9, 0.2], [0.8, 0.6], [0.7, 0.1], [0.1, 0.4]])
    targets = np.array([[1, 0], [0, 1], [1, 0], [1, 0]], bool)
    examples = [
        Example("", Labels((label,)), None, Path()) for label in targets.argmax(axis=1)
    ]
    thresholds = np.array([0.75, 0.3])
    answers = probabilities >= thresholds
    figures, right = Thresholds(thresholds).measure(NAMES[:2], probabilities, examples)
    a, b = figures.classes
    assert right.tolist() == (answers == targets).all(axis=1).tolist()
    assert figures.right == wilson_interval(int(right.sum()), 4)
    assert (a.threshold, b.threshold) == (0.75, 0.3)
    # The first, third and fourth most probable are right.
    assert a.average_precision == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert b.average_precision == 1
    assert (a.images, a.correct, a.named) == (3, 1, 2)
    assert (b.images, b.correct, b.named) == (1, 1, 2)
    assert figures.micro_f1.value == pytest.approx(2 * 2 / (4 + 4))
    assert figures.mean_average_precision.value == pytest.approx(
        (a.average_precision + b.average_precision) / 2
    )


def test_confusions_are_told_and_are_the_matrix_but_for_its_diagonal() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    answered = np.array([0, 1, 1, 1, 0, 2, 0, 1])
    figures, right = measure_classes(NAMES, np.eye(4)[answered] * 0.7 + 0.075, labels)
    assert right.tolist() == (labels == answered).tolist()
    assert figures.confusions == (
        Confusion("a", "b", 2),
        Confusion("b", "a", 1),
        Confusion("c", "a", 1),
        Confusion("c", "b", 1),
    )
    assert figures.confusion == ((1, 2, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0), (0,) * 4)
    lines = figures.lines(None)
    assert lines[-1] == "most often confused: a for b (2), b for a (1), c for a (1)"
    assert lines[1].startswith("macro-F1 of the 3 classes with images 38.9% [")
    assert figures.log_loss.value == pytest.approx(
        -(3 * np.log(0.775) + 5 * np.log(0.075)) / 8, abs=1e-6
    )
