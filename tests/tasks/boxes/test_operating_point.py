import numpy as np
import pytest

from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.tasks.boxes.answer import LEAST_SCORE
from cnnxfer.tasks.boxes.matches import Matches, Truth, match
from cnnxfer.tasks.boxes.operating_point import (
    OperatingPoint,
    best_point,
    operating_point,
    precision_recall_curve,
    whole_images,
)

BOX, OTHER, NOWHERE = (
    (0.0, 0.0, 9.0, 9.0),
    (20.0, 0.0, 29.0, 9.0),
    (50.0, 0.0, 9.0, 9.0),
)
CROWD = LabelledBox(0, (100.0, 0.0, 200.0, 100.0), crowd=True)
IN_CROWD = (110.0, 0.0, 120.0, 10.0)


@pytest.fixture
def matches() -> Matches:
    """Returns two images with an object, one with two, and one with none.

    Of the right answers, those with scores of 0.9, 0.6 and 0.4 come first, then one of
    0.2; the wrong ones have 0.7, 0.3 and 0.3.
    """
    answers = [
        [[*BOX, 0.9, 0], [*BOX, 0.3, 0], [*IN_CROWD, 0.95, 0]],
        [[*BOX, 0.6, 0]],
        [[*BOX, 0.4, 1], [*OTHER, 0.2, 0]],
        [[*NOWHERE, 0.7, 1], [*NOWHERE, 0.3, 0]],
    ]
    objects = [
        (LabelledBox(0, BOX), CROWD),
        (LabelledBox(0, BOX),),
        (LabelledBox(1, BOX), LabelledBox(0, OTHER)),
        (),
    ]
    return match(
        [np.array(rows) for rows in answers],
        [Truth.of_objects(Objects(items)) for items in objects],
        2,
    )


def test_what_a_threshold_gives(matches: Matches) -> None:
    assert operating_point(matches, 0.5) == OperatingPoint(0.5, 2 / 3, 2 / 4, 4 / 7)
    assert operating_point(matches, 0.98) == OperatingPoint(0.98, None, 0, 0)
    assert operating_point(matches, 0.1) == OperatingPoint(0.1, 4 / 7, 1, 8 / 11)
    of_other = operating_point(matches.of_class(1), 0.5)
    assert of_other == OperatingPoint(0.5, 0, 0, 0)


def test_the_best_threshold_lies_halfway_below_the_answers_that_count(
    matches: Matches,
) -> None:
    best = best_point(matches)
    assert best == operating_point(matches, best.threshold)
    assert (best.threshold, best.f1) == (pytest.approx(0.35), 6 / 8)


def test_the_curve_has_a_point_for_each_recall(matches: Matches) -> None:
    curve = precision_recall_curve(matches)
    assert [point.threshold for point in curve] == pytest.approx([0.8, 0.5, 0.35, 0.1])
    assert [point.recall for point in curve] == [1 / 4, 2 / 4, 3 / 4, 1]
    assert [point.precision for point in curve] == [1, 2 / 3, 3 / 4, 4 / 7]
    assert list(curve) == [operating_point(matches, each.threshold) for each in curve]


def test_an_image_is_right_if_all_is_found_and_nothing_else(matches: Matches) -> None:
    whole = {
        threshold: whole_images(matches, threshold).tolist()
        for threshold in (0.98, 0.8, 0.5, 0.25, 0.1)
    }
    assert whole == {
        0.98: [False, False, False, True],
        0.8: [True, False, False, True],
        0.5: [True, True, False, False],
        0.25: [False, True, False, False],
        0.1: [False, True, True, False],
    }


def test_nothing_right_has_no_curve() -> None:
    nothing = Truth.of_objects(Objects())
    for rows in (np.empty((0, 6)), np.array([[*BOX, 0.9, 0]])):
        matches = match([rows], [nothing], 1)
        assert precision_recall_curve(matches) == ()
        best = best_point(matches)
        assert best == operating_point(matches, LEAST_SCORE)
        assert (best.recall, best.f1) == (None, None)
