from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from colours import make_multi_label

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.decoding.pool import DecodedImage
from cnnxfer.data.images.source import file_source
from cnnxfer.prediction.answers import Answer
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.model_source import ModelSource, find_model
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.runs import Run


@pytest.fixture
def model(colour_run: Run) -> ModelSource:
    return find_model(colour_run)


def rank(
    model: ModelSource,
    answers: Iterable[Answer],
    top: Any = "auto",
    min_confidence: Any = "auto",
    known_splits: Mapping[str, str] = {},
) -> list[Prediction]:
    """The predictions that a classifier makes of what a network computed."""
    known = replace(model, known_splits=lambda _: known_splits)
    classifier = Classifier(
        known, ClassifierOptions(top=top, min_confidence=min_confidence)
    )
    with patch.object(classifier, "answers", lambda *_: (item for item in answers)):
        return list(classifier.predictions([]))


def ranking(prediction: Prediction) -> list[tuple[int, str]]:
    return [(line.rank, line.label) for line in prediction.answer.lines()]


def test_best_classes_come_first(model: ModelSource) -> None:
    source = file_source("a.gif")
    probabilities = np.array([0.2, 0.1, 0.7], np.float32)
    heat = np.ones((2, 3), np.float32)
    answer = Answer(DecodedImage(source, 3, 640, 480), probabilities, heat)
    (prediction,) = rank(model, [answer], 2)
    assert prediction.as_json() == {
        "path": "a.gif",
        "frame": 3,
        "width": 640,
        "height": 480,
        "predictions": [
            {"rank": 1, "class_id": "red", "label": "red", "probability": 0.7},
            {"rank": 2, "class_id": "blue", "label": "blue", "probability": 0.2},
        ],
    }
    assert prediction.source is source
    assert prediction.heat is heat
    (unsure,) = rank(model, [answer], 2, min_confidence=0.8)
    assert (unsure.label, unsure.top.label) == ("unsure", "red")
    assert len(ranking(rank(model, [answer])[0])) == 3


def test_an_unreadable_image_has_its_reason(model: ModelSource) -> None:
    answer = Answer(DecodedImage(file_source("b.jpg"), error="truncated JPEG"))
    (prediction,) = rank(model, [answer], 2)
    assert prediction.as_json() == {"path": "b.jpg", "error": "truncated JPEG"}
    with pytest.raises(ValueError, match=r"b\.jpg could not be read: truncated"):
        _ = prediction.top


def test_an_image_has_all_classes_that_reach_their_thresholds(
    colour_run: Run,
) -> None:
    make_multi_label(colour_run, {"blue": 0.5, "green": 0.1, "red": 0.8})
    model = find_model(colour_run)
    answers = [
        Answer(DecodedImage(file_source(str(row))), np.array(row, np.float32))
        for row in ([0.6, 0.2, 0.7], [0.4, 0.05, 0.7], [0.5, 0.9, 0.8])
    ]
    answers.append(Answer(DecodedImage(file_source("b"), error="not an image")))

    def chosen(**options: float) -> list[tuple[str, ...]]:
        found = rank(model, answers, 1, **options)
        return [prediction.answer.labels for prediction in found]

    assert chosen() == [("blue", "green"), (), ("green", "red", "blue"), ()]
    # Named in their rank, though but one was asked for.
    assert [ranking(item) for item in rank(model, answers[:3], 1)] == [
        [(1, "red"), (2, "blue"), (3, "green")],
        [(1, "red")],
        [(1, "green"), (2, "red"), (3, "blue")],
    ]
    # Confidence is asked for besides: it lowers no threshold.
    assert chosen(min_confidence=0.6) == [("blue",), (), ("green", "red"), ()]
    assert chosen(min_confidence=0.01) == chosen()


def test_known_images_have_their_split(model: ModelSource) -> None:
    row = np.full(3, 1 / 3, np.float32)
    answers = [
        Answer(DecodedImage(file_source("a"), sha256="aa"), row),
        Answer(DecodedImage(file_source("b"), sha256="bb"), row),
        Answer(
            DecodedImage(file_source("c"), sha256="aa", error="truncated GIF", frame=2)
        ),
    ]
    found = rank(model, answers, 1, known_splits={"aa": "train"})
    assert [prediction.split for prediction in found] == ["train", None, None]


def test_equal_classes_keep_their_order(model: ModelSource) -> None:
    answer = Answer(DecodedImage(file_source("a")), np.full(3, 1 / 3, np.float32))
    (prediction,) = rank(model, [answer], 3)
    assert ranking(prediction) == [(1, "blue"), (2, "green"), (3, "red")]


def test_a_run_is_as_sure_as_its_temperature_says(colour_run: Run) -> None:
    found = np.array([0.01, 0.09, 0.9], np.float32)
    answer = Answer(DecodedImage(file_source("a.gif"), None, 640, 480), found)
    colour_run.write_fitted({}, 2.0)
    (prediction,) = rank(find_model(colour_run), [answer], min_confidence=0.71)
    assert prediction.answer.summary == "unsure"
    assert [name for _, name in ranking(prediction)] == ["red", "green", "blue"]
    odds = found**0.5
    assert prediction.top.probability == pytest.approx(odds[2] / odds.sum(), abs=1e-6)
