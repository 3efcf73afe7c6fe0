"""Tests that the answers a model is surest of are found, in their order."""

from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.evaluation.surest import MOST, surest_answers
from cnnxfer.tasks.classification import BestClass
from cnnxfer.tasks.multi_label import Thresholds

NAMES = ("blue", "green", "red")


SIZES = [(40, 30)] * (MOST + 5)


def examples(*labels: tuple[int, ...]) -> list[Example]:
    return [
        Example(str(number), Labels(shown), None, Path("none"))
        for number, shown in enumerate(labels)
    ]


def test_the_surest_come_first_and_others_are_left_out() -> None:
    probabilities = np.array(
        [[0.6, 0.3, 0.1], [0.0, 0.1, 0.9], [0.8, 0.1, 0.1], [0.3, 0.7, 0.0]]
    )
    images = examples((0,), (2,), (1,), (1,))
    right = np.array([True, True, False, True])
    found = surest_answers(images, SIZES, probabilities, right, BestClass(), NAMES)
    assert [sure.example.id for sure in found] == ["1", "3", "0"]
    assert [sure.labels for sure in found] == [("red",), ("green",), ("blue",)]
    assert [sure.answer.top.probability for sure in found] == [0.9, 0.7, 0.6]
    (wrong,) = surest_answers(images, SIZES, probabilities, ~right, BestClass(), NAMES)
    assert (wrong.labels, wrong.answer.labels) == (("green",), ("blue",))


def test_equally_sure_answers_keep_their_order_and_their_number_is_limited() -> None:
    count = MOST + 5
    images = examples(*[(0,)] * count)
    found = surest_answers(
        images,
        SIZES,
        np.full((count, 3), 1 / 3),
        np.ones(count, bool),
        BestClass(),
        NAMES,
    )
    assert [sure.example.id for sure in found] == [str(at) for at in range(MOST)]


def test_there_may_be_none() -> None:
    images = examples((0,))
    probabilities, none = np.full((1, 3), 1 / 3), np.zeros(1, bool)
    for decision in (BestClass(), Thresholds(np.full(3, 0.5))):
        assert surest_answers(images, SIZES, probabilities, none, decision, NAMES) == ()


def test_of_several_labels_all_have_to_be_sure() -> None:
    decision = Thresholds(np.array([0.5, 0.5, 0.2]))
    probabilities = np.array([[0.9, 0.8, 0.1], [0.99, 0.55, 0.1], [0.1, 0.1, 0.3]])
    confidence = decision.confidence(probabilities)
    assert confidence == pytest.approx(
        [0.9 * 0.8 * 0.9, 0.99 * 0.55 * 0.9, 0.9**2 * 0.3]
    )
    images = examples((0, 1), (0,), ())
    found = surest_answers(
        images, SIZES, probabilities, np.ones(3, bool), decision, NAMES
    )
    assert [sure.labels for sure in found] == [("blue", "green"), ("blue",), ()]
    assert [sure.answer.labels for sure in found] == [
        ("blue", "green"),
        ("blue", "green"),
        ("red",),
    ]
