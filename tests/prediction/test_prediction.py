import io
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image
from predicted import predicted, with_mask, with_objects

from cnnxfer.data.images.source import ImageSource
from cnnxfer.prediction.prediction import Prediction, ReadAnswer
from cnnxfer.tasks.answer import RankedClass, TaskAnswer
from cnnxfer.tasks.boxes.answer import read_objects
from cnnxfer.tasks.classification import BestClass, OneClass
from cnnxfer.tasks.masks.answer import read_shares
from cnnxfer.tasks.multi_label import Thresholds

RANKING = (RankedClass(1, "n1", "tabby", 0.6), RankedClass(2, "n2", "tiger", 0.4))
ANSWER = predicted("a.jpg", 4, 3, RANKING)


@pytest.mark.parametrize(
    ("min_confidence", "label"),
    [(None, "tabby"), (0.6, "tabby"), (0.600001, "unsure"), (1.0, "unsure")],
)
def test_below_min_confidence_the_label_is_unsure(
    min_confidence: float | None, label: str
) -> None:
    prediction = predicted("a.jpg", 4, 3, RANKING, min_confidence=min_confidence)
    assert prediction.label == label
    assert prediction.unsure == (label == "unsure")
    assert prediction.top.label == "tabby"
    assert prediction.as_json().get("label") == (min_confidence and label)


def test_min_confidence_is_compared_with_the_rounded_probability() -> None:
    ranking = (RankedClass(1, "a", "a", 0.4999999),)
    prediction = predicted("a.jpg", 4, 3, ranking, min_confidence=0.5)
    assert prediction.as_json()["predictions"][0]["probability"] == 0.5
    assert prediction.label == "a"


@pytest.mark.parametrize(
    ("chosen", "label"),
    [((), "none"), (("tiger",), "tiger"), (("tabby", "tiger"), "tabby")],
)
def test_an_image_may_have_several_classes(chosen: tuple[str, ...], label: str) -> None:
    prediction = predicted("a.jpg", 4, 3, RANKING, chosen=chosen)
    assert prediction.labels == chosen
    assert prediction.label == label
    assert prediction.unsure == (not chosen)
    assert prediction.as_json()["labels"] == list(chosen)
    assert "label" not in prediction.as_json()
    first = 0.4 if chosen == ("tiger",) else 0.6
    record = prediction.record()
    assert (record["label"], record["probability"]) == (
        "|".join(chosen) or label,
        first,
    )
    rejected = [line.rejected for line in prediction.answer.lines()]
    assert rejected == ["tabby" not in chosen, "tiger" not in chosen]


def test_chosen_classes_come_before_the_others() -> None:
    assert [line.label for line in ANSWER.answer.lines(1)] == ["tabby"]
    tiger = predicted("a.jpg", 4, 3, RANKING, chosen=("tiger",)).answer
    assert [line.label for line in tiger.lines()] == ["tabby", "tiger"]
    assert [line.label for line in tiger.lines(2)] == ["tiger", "tabby"]
    assert [line.label for line in tiger.lines(1)] == ["tiger"]


def test_the_best_class_is_the_only_label() -> None:
    assert ANSWER.labels == ("tabby",)
    assert not any(line.rejected for line in ANSWER.answer.lines())
    unsure = predicted("a", 4, 3, RANKING, min_confidence=0.9)
    assert unsure.labels == ()
    assert [line.rejected for line in unsure.answer.lines()] == [True, False]
    assert "labels" not in ANSWER.as_json()


def test_json_has_the_split_of_known_images() -> None:
    assert "split" not in ANSWER.as_json()
    known = predicted("a.jpg", 4, 3, RANKING, split="train")
    assert list(known.as_json()) == ["path", "width", "height", "split", "predictions"]
    assert known.as_json()["split"] == "train"


def test_a_failed_prediction_has_no_label() -> None:
    prediction = predicted("a.jpg", error="empty file", min_confidence=0.5)
    with pytest.raises(ValueError, match=r"a\.jpg could not be read: empty file"):
        _ = prediction.label
    assert not prediction.unsure
    with pytest.raises(ValueError, match="could not be read"):
        _ = predicted("a.jpg", error="empty file", chosen=()).labels


def test_json_has_the_frame_only_for_several_frames() -> None:
    assert "frame" not in ANSWER.as_json()
    assert predicted("a.gif", 4, 3, RANKING, frame=0).as_json()["frame"] == 0
    failure = predicted("a.gif", frame=2, error="truncated GIF")
    assert failure.as_json() == {
        "path": "a.gif",
        "frame": 2,
        "error": "truncated GIF",
    }


@pytest.mark.parametrize(
    "prediction",
    [
        ANSWER,
        predicted("\udcff.gif", 4, 3, RANKING, frame=2, min_confidence=0.7),
        predicted("a.jpg", 4, 3, RANKING, split="validation", chosen=()),
        predicted("a.jpg", 4, 3, RANKING, chosen=("tabby",)),
        predicted("b.jpg", error="not an image"),
        predicted("b.gif", error="truncated GIF", frame=3, min_confidence=0.1),
    ],
)
def test_json_can_be_read_back(prediction: Prediction) -> None:
    document = prediction.as_json()
    assert Prediction.from_json(document, reader(prediction.answer)) == prediction


def test_the_text_of_a_prediction_is_one_line() -> None:
    ranking = (RankedClass(1, "a", "\x1b[2J\nrose", 0.5),)
    for prediction in (
        predicted("\x1b.jpg", 8, 8, ranking),
        predicted("a", error="\n"),
    ):
        assert repr(prediction).isprintable()


def reader(answer: TaskAnswer) -> ReadAnswer:
    """Reads answers as the decision does that made one."""
    if isinstance(answer, OneClass):
        return partial(BestClass().read, min_confidence=answer.min_confidence)
    return partial(Thresholds(np.zeros(2)).read, min_confidence=None)


@pytest.mark.parametrize("document", [{}, {"path": "a"}, {"path": "a", "width": 3}])
def test_json_that_is_not_a_prediction_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        Prediction.from_json(document, reader(OneClass()))


FOUND = with_objects(
    "a.jpg", 40, 30, (1, 2, 30, 20, 0.9, 0), (5, 5, 9, 9, 0.5, 1), (5, 5, 9, 9, 0.4, 0)
)


def test_objects_are_found_by_their_names() -> None:
    assert [(item.label, item.score) for item in FOUND.objects] == [
        ("raccoon", 0.9),
        ("<cat>", 0.5),
        ("raccoon", 0.4),
    ]
    assert FOUND.top.label == FOUND.label == "raccoon"
    assert (
        repr(FOUND) == "Prediction('a.jpg': raccoon 90.0%, <cat> 50.0%, raccoon 40.0%)"
    )
    record = FOUND.record()
    assert (record["label"], record["probability"]) == ("raccoon|<cat>", 0.9)
    assert ANSWER.objects == ()


def test_the_text_of_many_objects_is_short() -> None:
    many = with_objects("a.jpg", 40, 30, *[(1, 2, 30, 20, 0.9, 0)] * 99)
    assert repr(many).endswith("raccoon 90.0%, and 91 more)")


def test_an_image_without_objects_is_an_answer() -> None:
    empty = with_objects("a.jpg", 40, 30)
    assert (empty.label, empty.objects, empty.unsure) == ("none", (), True)
    with pytest.raises(ValueError, match=r"a\.jpg has no most probable class: nothing"):
        _ = empty.top
    assert empty.record()["probability"] is None
    assert empty.as_json()["objects"] == []


def test_a_mask_is_there_for_each_pixel() -> None:
    mask = np.eye(4, dtype=np.uint8)
    prediction = with_mask("a.jpg", mask)
    np.testing.assert_array_equal(prediction.mask, mask)
    assert (prediction.label, prediction.unsure) == ("ground", False)
    assert prediction.record()["label"] == "ground|rose"
    assert ANSWER.mask is None


@pytest.mark.parametrize(
    "found", [FOUND, with_mask("a.jpg", np.eye(9, dtype=np.uint8))]
)
def test_notebooks_show_what_was_found(found: Prediction) -> None:
    content = io.BytesIO()
    Image.new("RGB", (found.width, found.height)).save(content, "PNG")
    source = ImageSource("a.jpg", content.getvalue)
    page = replace(found, source=source)._repr_html_()
    plain = replace(predicted("a.jpg", 9, 9, RANKING), source=source)._repr_html_()
    picture = re.compile('data:image/jpeg;base64,([^"]+)')
    assert picture.search(page)[1] != picture.search(plain)[1]
    for title in found.answer.titles:
        assert f"<th>{title}</th>" in page
    assert "<cat>" not in page


def test_objects_and_shares_can_be_read_back() -> None:
    found = Prediction.from_json(
        FOUND.as_json(),
        lambda record: replace(
            FOUND.answer, objects=read_objects(record, FOUND.answer.class_names)
        ),
    )
    assert found == FOUND
    written = with_mask("a.jpg", np.eye(9, dtype=np.uint8))
    read = Prediction.from_json(
        written.as_json(),
        lambda record: replace(written.answer, shares=read_shares(record)),
    )
    assert read == written
