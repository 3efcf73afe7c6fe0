"""Tests that two models are compared on the same images by what their task measures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.annotation import Annotation, Labels
from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.dataset import Example
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.evaluation.answered import Answered
from cnnxfer.evaluation.report.measured import MeasuredPart
from cnnxfer.evaluation.report.two_runs import compare_parts
from cnnxfer.tasks.bootstrap import bootstrap_intervals, paired_interval, resampled
from cnnxfer.tasks.boxes.detection import AllObjects
from cnnxfer.tasks.boxes.localization import OneBox
from cnnxfer.tasks.classification import BestClass
from cnnxfer.tasks.masks.segmentation import EachPixel
from cnnxfer.tasks.multi_label import Thresholds
from cnnxfer.tasks.task import Decision

NAMES = ("cat", "dog")
IMAGES = 40


@dataclass(frozen=True)
class LeftHalf:
    """A mask of two halves."""

    name: str = "half"

    def read(self, width: int, height: int) -> np.ndarray:
        mask = np.ones((height, width), np.uint8)
        mask[:, : width // 2] = 0
        return mask


def part(decision: Decision, annotation: Annotation, found: list) -> MeasuredPart:
    """Returns measured answers to images that are annotated alike."""
    examples = [
        Example(f"{number}.jpg", annotation, None, Path(f"{number}.jpg"))
        for number in range(len(found))
    ]
    figures, right = decision.measure(NAMES, found, examples)
    answered = Answered(tuple(examples), ((20, 20),) * len(found), found, 0)
    confidence = decision.confidence(found)
    return MeasuredPart(
        "test", NAMES, answered, decision, figures, right, confidence, confidence
    )


def boxes(decision: Decision, shift: float) -> MeasuredPart:
    """Returns boxes of different quality, each shifted a little more."""
    found = [
        np.array([[number / 8 + shift, 0, 10 + number / 8 + shift, 10, 0.9, 0]])
        for number in range(IMAGES)
    ]
    known = Objects((LabelledBox(0, (0.0, 0.0, 10.0, 10.0)),), 20, 20)
    return part(decision, known, found)


def masks(shift: int) -> MeasuredPart:
    found = []
    for number in range(IMAGES):
        mask = np.ones((20, 20), np.uint8)
        mask[:, : 10 - number % 6 - shift] = 0
        found.append(mask)
    mask = ClassMask(LeftHalf(), {0: 0, 1: 1}, (0, 1), 20, 20)
    return part(EachPixel(NAMES), mask, found)


def classes(decision: Decision, wrong: int) -> MeasuredPart:
    found = [np.array([0.9, 0.1])] * (IMAGES - wrong) + [np.array([0.2, 0.8])] * wrong
    return part(decision, Labels((0,)), found)


@pytest.mark.parametrize("decision", [AllObjects(NAMES, 0.5), OneBox(NAMES, 0.0), None])
def test_boxes_and_masks_are_compared_by_their_figure(decision: Decision | None):
    """Their own intervals overlap, as images differ far more than the models."""
    one, other = (
        boxes(decision, shift) if decision else masks(int(2 * shift))
        for shift in (0.5, 0.25)
    )
    result = compare_parts(one, other)
    assert result.one.high > result.other.low
    difference = result.other.value - result.one.value
    assert 0 < result.low < difference < result.high < 2 * difference
    assert (result.gained, result.lost) == (None, None)
    assert "95% interval +" in result.verdict
    assert result.verdict.endswith("more than chance")
    same = compare_parts(one, one)
    assert (same.low, same.high) == (0, 0)
    assert "as good as" in same.verdict


@pytest.mark.parametrize("decision", [BestClass(), Thresholds(np.array([0.5, 0.5]))])
def test_classes_are_compared_by_the_images_that_one_model_gets_right(decision):
    result = compare_parts(classes(decision, 12), classes(decision, 4))
    assert (result.gained, result.lost) == (8, 0)
    assert result.low < 0.2 < result.high
    assert result.verdict.endswith("8 images became right, 0 wrong: more than chance")


def test_the_interval_of_a_difference_knows_what_both_models_find_hard() -> None:
    hard = np.random.default_rng(0).uniform(size=(50, 1))
    apart = bootstrap_intervals([0.5], 50, lambda times: times @ hard / 50)[0]
    one = resampled(50, lambda times: times @ hard[:, 0] / 50)
    low, high = paired_interval(0.01, one, one + 0.01)
    assert apart.high - apart.low > 0.1
    assert (low, high) == pytest.approx((0.01, 0.01))
    assert paired_interval(0.0, one * np.nan, one) is None
