import numpy as np
import pytest
from sklearn import metrics

from cnnxfer.tasks.per_class import average_precisions, f1_scores, macro, roc_aucs


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    random = np.random.default_rng(1)
    answers = random.random((100, 4)) < 0.4
    targets = random.random((100, 4)) < [0.1, 0.5, 0.9, 0.3]
    for f1, found, shown in zip(
        f1_scores(answers, targets.astype(np.float32)),
        answers.T,
        targets.T,
        strict=True,
    ):
        precision, recall = found[shown].sum() / found.sum(), found[shown].mean()
        assert f1 == pytest.approx(2 / (1 / precision + 1 / recall))


def test_a_class_that_is_never_answered_or_never_shown() -> None:
    answers = np.array([[0, 1, 0], [0, 1, 0]], bool)
    targets = np.array([[1, 0, 0], [1, 1, 0]], np.float32)
    scores = f1_scores(answers, targets)
    assert scores[:2].tolist() == [0, pytest.approx(2 / 3)]
    assert np.isnan(scores[2])
    # It is left out of the mean.
    assert macro(scores) == pytest.approx(1 / 3)
    assert macro(np.array([np.nan])) == 0


def test_average_precision_is_the_area_under_the_steps() -> None:
    random = np.random.default_rng(2)
    scores = random.random((60, 3)).round(1)  # with many ties
    targets = random.random((60, 3)) < [0.2, 0.5, 0.8]
    expected = []
    for column, shown in zip(scores.T, targets.T, strict=True):
        area, recall_before = 0.0, 0.0
        for threshold in sorted(set(column), reverse=True):
            found = column >= threshold
            precision = (found & shown).sum() / found.sum()
            recall = (found & shown).sum() / shown.sum()
            area += (recall - recall_before) * precision
            recall_before = recall
        expected.append(area)
    np.testing.assert_allclose(average_precisions(scores, targets), expected)


def test_average_precision_of_a_perfect_order_is_one() -> None:
    targets = np.array([[1, 0], [1, 0], [0, 0]], np.float32)
    precisions = average_precisions(np.array([[3, 1], [2, 1], [1, 1.0]]), targets)
    assert precisions[0] == 1
    assert np.isnan(precisions[1])


def test_figures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(3)
    scores = random.random((80, 3)).round(1)
    targets = random.random((80, 3)) < [0.2, 0.5, 0.8]
    for found, expected in (
        (f1_scores(scores > 0.5, targets), metrics.f1_score),
        (average_precisions(scores, targets), metrics.average_precision_score),
        (roc_aucs(scores, targets), metrics.roc_auc_score),
    ):
        answers = scores > 0.5 if expected is metrics.f1_score else scores
        columns = zip(targets.T, answers.T, strict=True)
        assert found == pytest.approx([expected(*pair) for pair in columns])


def test_figures_of_a_single_class() -> None:
    targets = np.array([[1], [1], [0], [0]], np.float32)
    answers = np.array([[1], [0], [1], [0]], bool)
    assert f1_scores(answers, targets).tolist() == [0.5]
    scores = np.array([[4], [2], [3], [1.0]])
    assert average_precisions(scores, targets).tolist() == [pytest.approx(5 / 6)]
    assert roc_aucs(scores, targets).tolist() == [0.75]
    assert np.isnan(roc_aucs(scores, targets + 1)).all()


def test_scores_that_are_not_finite_have_an_average_precision() -> None:
    scores = np.array([[np.inf, np.nan], [0, np.nan], [-np.inf, np.nan]])
    targets = np.array([[1, 1], [0, 0], [0, 0]], np.float32)
    assert average_precisions(scores, targets).tolist() == [1, pytest.approx(1 / 3)]
