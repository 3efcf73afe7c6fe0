from dataclasses import replace

import pytest

from cnnxfer.prediction.prediction import Prediction, RankedClass

RANKING = (RankedClass(1, "n1", "tabby", 0.6), RankedClass(2, "n2", "tiger", 0.4))
ANSWER = Prediction("a.jpg", 4, 3, RANKING)


@pytest.mark.parametrize(
    ("min_confidence", "label"),
    [(None, "tabby"), (0.6, "tabby"), (0.600001, "unsure"), (1.0, "unsure")],
)
def test_below_min_confidence_the_label_is_unsure(
    min_confidence: float | None, label: str
) -> None:
    prediction = Prediction("a.jpg", 4, 3, RANKING, min_confidence=min_confidence)
    assert prediction.label == label
    assert prediction.unsure == (label == "unsure")
    assert prediction.top.label == "tabby"
    assert prediction.as_json().get("label") == (min_confidence and label)


def test_min_confidence_is_compared_with_the_rounded_probability() -> None:
    ranking = (RankedClass(1, "a", "a", 0.4999999),)
    prediction = Prediction("a.jpg", 4, 3, ranking, min_confidence=0.5)
    assert prediction.as_json()["predictions"][0]["probability"] == 0.5
    assert prediction.label == "a"


@pytest.mark.parametrize(
    ("chosen", "label"), [((), "none"), (("tabby",), "tabby"), (("b", "a"), "b")]
)
def test_an_image_may_have_several_classes(chosen: tuple[str, ...], label: str) -> None:
    prediction = Prediction("a.jpg", 4, 3, RANKING, min_confidence=0.9, chosen=chosen)
    assert prediction.labels == chosen
    assert prediction.label == label
    assert prediction.unsure == (not chosen)
    assert prediction.as_json()["labels"] == list(chosen)
    assert "label" not in prediction.as_json()
    lacking = [prediction.lacks(ranked) for ranked in RANKING]
    assert lacking == ["tabby" not in chosen, True]


def test_chosen_classes_come_before_the_others() -> None:
    assert [ranked.label for ranked in ANSWER.answers_first] == ["tabby", "tiger"]
    tiger = replace(ANSWER, chosen=("tiger",))
    assert [ranked.label for ranked in tiger.answers_first] == ["tiger", "tabby"]


def test_the_best_class_is_the_only_label() -> None:
    assert ANSWER.labels == ("tabby",)
    assert Prediction("a", 4, 3, RANKING, min_confidence=0.9).labels == ()
    assert not any(ANSWER.lacks(ranked) for ranked in RANKING)
    assert "labels" not in ANSWER.as_json()


def test_json_has_the_split_of_known_images() -> None:
    assert "split" not in ANSWER.as_json()
    known = Prediction("a.jpg", 4, 3, RANKING, split="train")
    assert list(known.as_json()) == ["path", "width", "height", "split", "predictions"]
    assert known.as_json()["split"] == "train"


def test_a_failed_prediction_has_no_label() -> None:
    prediction = Prediction("a.jpg", error="empty file", min_confidence=0.5)
    with pytest.raises(ValueError, match=r"a\.jpg could not be read: empty file"):
        _ = prediction.label
    assert not prediction.unsure
    with pytest.raises(ValueError, match="could not be read"):
        _ = Prediction("a.jpg", error="empty file", chosen=()).labels


def test_json_has_the_frame_only_for_several_frames() -> None:
    assert "frame" not in ANSWER.as_json()
    assert Prediction("a.gif", 4, 3, RANKING, frame=0).as_json()["frame"] == 0
    failure = Prediction("a.gif", frame=2, error="truncated GIF")
    assert failure.as_json() == {
        "path": "a.gif",
        "frame": 2,
        "error": "truncated GIF",
    }


@pytest.mark.parametrize(
    "prediction",
    [
        ANSWER,
        Prediction("\udcff.gif", 4, 3, RANKING, None, 2, 0.7),
        Prediction("a.jpg", 4, 3, RANKING, split="validation", chosen=()),
        Prediction("a.jpg", 4, 3, RANKING, min_confidence=0.5, chosen=("tabby",)),
        Prediction("b.jpg", error="not an image"),
        Prediction("b.gif", error="truncated GIF", frame=3, min_confidence=0.1),
    ],
)
def test_json_can_be_read_back(prediction: Prediction) -> None:
    document = prediction.as_json()
    assert Prediction.from_json(document, prediction.min_confidence) == prediction


@pytest.mark.parametrize("document", [{}, {"path": "a"}, {"path": "a", "width": 3}])
def test_json_that_is_not_a_prediction_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        Prediction.from_json(document)
