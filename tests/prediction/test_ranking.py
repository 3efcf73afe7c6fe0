from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.decoders import Decoded
from cnnxfer.data.image_source import of_file
from cnnxfer.prediction.answering import Answer
from cnnxfer.prediction.classifier import Classifier, load_classifier
from cnnxfer.prediction.ranking import rank_answers
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run


@pytest.fixture
def classifier(colour_run: Run) -> Classifier:
    return load_classifier(colour_run, Reporter())


def test_best_classes_come_first(classifier: Classifier) -> None:
    source = of_file("a.gif")
    probabilities = np.array([0.2, 0.1, 0.7], np.float32)
    heat = np.ones((2, 3), np.float32)
    answer = Answer(Decoded(source, 3, 640, 480), probabilities, heat)
    (prediction,) = rank_answers(classifier, [answer], 2)
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
    (unsure,) = rank_answers(classifier, [answer], 2, min_confidence=0.8)
    assert (unsure.label, unsure.top.label) == ("unsure", "red")
    assert len(next(rank_answers(classifier, [answer], 9)).ranking) == 3


def test_what_cannot_be_read_has_its_reason(classifier: Classifier) -> None:
    answer = Answer(Decoded(of_file("b.jpg"), error="truncated JPEG"))
    (prediction,) = rank_answers(classifier, [answer], 2)
    assert prediction.as_json() == {"path": "b.jpg", "error": "truncated JPEG"}
    with pytest.raises(ValueError, match=r"b\.jpg could not be read: truncated"):
        _ = prediction.top


def test_equal_classes_keep_their_order(classifier: Classifier) -> None:
    answer = Answer(Decoded(of_file("a")), np.full(3, 1 / 3, np.float32))
    (prediction,) = rank_answers(classifier, [answer], 3)
    assert [ranked.label for ranked in prediction.ranking] == ["blue", "green", "red"]


def test_a_photograph_is_ranked(classifier: Classifier, photos_dir: Path) -> None:
    photo = of_file(str(photos_dir / "red/02.jpg"))
    answers = classifier.answer([photo], "answering", Reporter())
    (prediction,) = rank_answers(classifier, answers, 3)
    assert prediction.label == "red"
    assert sum(ranked.probability for ranked in prediction.ranking) == pytest.approx(1)
