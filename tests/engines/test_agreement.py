import numpy as np
import pytest

from cnnxfer.engines.agreement import BOUNDS, compare
from cnnxfer.engines.engine import FEATURES, Outputs
from cnnxfer.tasks.agreement import TIE_TOLERANCE
from cnnxfer.tasks.catalog import TASKS

LOGITS = Outputs(TASKS.get("classification"))
PROBABILITIES = Outputs(LOGITS.task, activated=True)
SEVERAL_LOGITS = Outputs(TASKS.get("multi-label"))
SEVERAL = Outputs(SEVERAL_LOGITS.task, activated=True)

SURE = np.tile(np.array([[0.6, 0.3, 0.1]], np.float32), (32, 1))


def shifted(by: float, images: int = 32) -> np.ndarray:
    """Moves probability from the first class to the third."""
    answers = SURE.copy()
    answers[:images] += np.array([-by, 0, by], np.float32)
    return answers


@pytest.mark.parametrize("precision", BOUNDS)
def test_probabilities_may_differ_up_to_the_bound(precision: str) -> None:
    bound = BOUNDS[precision].difference
    for share, passed in ((0.9, True), (1.1, False)):
        verdict = compare(
            shifted(share * bound, images=1),
            SURE,
            outputs=PROBABILITIES,
            precision=precision,
        )
        assert verdict.passed is passed
    assert f"a probability differs by {1.1 * bound:.3f}" in verdict.figures


def test_logits_are_compared_as_probabilities() -> None:
    """Adding a constant to all logits changes no probability."""
    logits = np.log(SURE)
    same = compare(logits + 7, logits, outputs=LOGITS, precision="float32")
    assert same.passed
    other = compare(
        np.log(shifted(0.16, images=1)), logits, outputs=LOGITS, precision="bfloat16"
    )
    assert not other.passed
    assert "a probability differs by 0.160" in other.figures


@pytest.mark.parametrize(("flips", "passed"), [(3, True), (4, False)])
def test_the_best_class_may_differ_for_few_images(flips: int, passed: bool) -> None:
    reference = np.tile(np.array([[0.51, 0.49]], np.float32), (32, 1))
    answers = reference.copy()
    answers[:flips] = answers[:flips, ::-1]
    verdict = compare(answers, reference, outputs=PROBABILITIES, precision="bfloat16")
    assert verdict.passed is passed
    assert f"{32 - flips} of 32 pictures" in verdict.figures


def test_either_of_two_tied_classes_is_accepted() -> None:
    """Rounding decides which of the two is returned."""
    half = np.array([[0.5, 0.5]], np.float32)
    nudge = np.array([[TIE_TOLERANCE / 4, -TIE_TOLERANCE / 4]], np.float32)
    verdict = compare(
        half + nudge, half - nudge, outputs=PROBABILITIES, precision="float32"
    )
    assert verdict.passed


@pytest.mark.parametrize("precision", BOUNDS)
def test_features_may_differ_up_to_the_bound(precision: str) -> None:
    reference = np.random.default_rng(0).normal(size=(32, 4, 4, 6)).astype(np.float32)
    bound = BOUNDS[precision].distance
    for share, passed in ((0.9, True), (1.1, False)):
        answers = reference * np.float32(1 + share * bound)
        verdict = compare(answers, reference, outputs=FEATURES, precision=precision)
        assert verdict.passed is passed


def test_features_that_are_all_zero_agree() -> None:
    zeros = np.zeros((32, 6), np.float32)
    assert compare(zeros, zeros, outputs=FEATURES, precision="float32").passed


def test_multi_label_outputs_are_compared_label_by_label() -> None:
    """Each logit counts by itself: a softmax would hide this difference."""
    logits = np.tile(np.array([[2.0, 2.0, -2.0]], np.float32), (32, 1))
    same = compare(logits, logits, outputs=SEVERAL_LOGITS, precision="float32")
    assert same.passed
    assert "100.0% of the labels are the same" in same.figures
    other = compare(logits + 1.1, logits, outputs=SEVERAL_LOGITS, precision="bfloat16")
    assert not other.passed
    assert "a probability differs by 0.170" in other.figures


@pytest.mark.parametrize(("missed", "passed"), [(11, True), (12, False)])
def test_few_labels_may_differ(missed: int, passed: bool) -> None:
    """Only labels that are found count: most images lack most labels."""
    reference = np.full((32, 80), 0.01, np.float32)
    reference[:, :2] = 0.51
    answers = reference.copy()
    answers[:missed, 0] = 0.49  # of 64; to find 53 is to agree on 106 of 117
    verdict = compare(answers, reference, outputs=SEVERAL, precision="bfloat16")
    assert verdict.passed is passed
    assert f"{2 * (64 - missed) / (128 - missed):.1%} of the labels" in verdict.figures


def test_a_label_at_probability_one_half_may_be_missing() -> None:
    half = np.full((32, 3), 0.5, np.float32)
    for nudge in (TIE_TOLERANCE / 4, -TIE_TOLERANCE / 4):
        verdict = compare(
            half + nudge,
            half - nudge,
            outputs=SEVERAL,
            precision="float32",
        )
        assert verdict.passed


def test_without_predicted_labels_only_probabilities_are_compared() -> None:
    low = np.full((32, 3), 0.1, np.float32)
    for by, passed in ((0.1, True), (0.2, False)):
        verdict = compare(low + by, low, outputs=SEVERAL, precision="bfloat16")
        assert verdict.passed is passed


@pytest.mark.parametrize("outputs", [FEATURES, LOGITS, PROBABILITIES, SEVERAL_LOGITS])
def test_outputs_that_are_not_finite_are_refused(outputs: Outputs) -> None:
    answers = SURE.copy()
    answers[3, 1] = np.nan
    verdict = compare(answers, SURE, outputs=outputs, precision="bfloat16")
    assert not verdict.passed
    assert verdict.figures == "answers are not finite"
