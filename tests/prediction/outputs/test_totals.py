import time
from dataclasses import replace
from typing import Any

import pytest
from predicted import predicted

from cnnxfer.prediction.outputs.totals import Totals
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import RankedClass

FINE = predicted("a.jpg", 4, 3, (RankedClass(1, "a", "a", 1.0),))


def failed(*reasons: str) -> list[Prediction]:
    return [predicted("b.jpg", error=reason) for reason in reasons]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replaces the clock by one that advances whenever it is read."""
    now = [0.0, 0.5]

    def monotonic() -> float:
        now[0] += now[1]
        return now[0]

    monkeypatch.setattr(time, "monotonic", monotonic)
    return now


@pytest.mark.parametrize(
    ("images", "tick", "earlier", "summary"),
    [
        (0, 1.0, 0, "0 images in 0.0 s"),
        (1, 0.5, 0, "1 image in 0.5 s"),
        (1000, 0.0042, 0, "1,000 images in 4.2 s (238 images/s)"),
        (2000, 0.1, 0, "2,000 images in 3 min 20 s (10 images/s)"),
        (1000, 7.3, 0, "1,000 images in 2 h 1 min (0.1 images/s)"),
        (
            1500,
            0.01,
            500,
            "1,500 images: 500 from before, 1,000 in 15.0 s (67 images/s)",
        ),
        (500, 0.002, 500, "500 images: 500 from before, 0 in 1.0 s"),
    ],
)
def test_the_summary_counts_images_and_time(
    clock: list[float], images: int, tick: float, earlier: int, summary: str
) -> None:
    clock[1] = tick
    totals = Totals()
    totals.earlier = earlier
    assert list(totals.watch([FINE] * images)) == [FINE] * images
    assert totals.summary == summary
    assert totals.problems == ""


def test_failures_are_counted_by_kind() -> None:
    totals = Totals()
    predictions = [
        *failed("truncated download: 1 of 2 bytes", "not an image"),
        FINE,
        *failed("not an image: HTML", "SVG cannot be decoded; supported: JPEG, PNG"),
    ]
    assert list(totals.watch(predictions)) == predictions
    assert totals.images == 5
    assert totals.problems == (
        "4 images could not be read: 2 not an image, 1 truncated download, "
        "1 SVG cannot be decoded"
    )


def test_the_number_of_failure_kinds_listed_is_limited() -> None:
    totals = Totals()
    list(totals.watch(failed(*(f"reason {number}" for number in range(10)))))
    assert totals.problems.endswith("1 reason 7, and 2 other kinds")


def test_images_of_the_training_data_are_counted() -> None:
    totals = Totals()
    parts = ["train", None, "validation", "train", "test"]
    list(totals.watch([replace(FINE, split=part) for part in parts]))
    assert totals.repeats("R") == (
        "2 of 5 images were in the training split of R and 1 in its validation split; "
        "these do not show how it performs on new images"
    )
    assert Totals().repeats("R") == ""


def test_one_failure_is_described_in_the_singular() -> None:
    totals = Totals()
    list(totals.watch(failed("empty file")))
    assert totals.problems == "1 image could not be read: 1 empty file"


def test_answers_are_counted_by_class_and_the_unsure_come_last() -> None:
    def answer(label: str, **options: Any) -> Prediction:
        return predicted("a", 8, 8, (RankedClass(1, label, label, 0.6),), **options)

    totals = Totals()
    doubts = [answer("iris", min_confidence=0.9)] * 4
    found = [*doubts, *[answer("rose")] * 3, *[answer("iris")] * 17]
    list(totals.watch([*found, predicted("b", error="empty file")]))
    assert totals.answers == "17 iris, 3 rose, 4 unsure"
    several = predicted("a", 8, 8, answer("rose").answer.ranking, chosen=("rose",))
    list(totals.watch([several, predicted("b", 8, 8, chosen=())]))
    assert totals.answers == "17 iris, 4 rose, 4 unsure, 1 none"
    list(totals.watch([answer(f"class {number}") for number in range(9)] * 2))
    assert totals.answers.endswith("2 class 5, 6 of 3 other classes, 4 unsure, 1 none")
