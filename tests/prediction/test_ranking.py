from pathlib import Path

import pytest
from PIL import Image

from cnnxfer.prediction import classifier as classifier_module
from cnnxfer.prediction.classifier import load_classifier
from cnnxfer.prediction.engines.keras_engine import KerasEngine
from cnnxfer.prediction.ranking import rank_images
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.training.model import load_model


def test_unreadable_images_keep_their_place(
    colour_run: Run,
    photos_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Across batches of 4, one of which holds nothing readable."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((photos_dir / "red/00.jpg").read_bytes()[:-200])
    gone = tmp_path / "gone.jpg"
    colours = ["red", "blue", "green", "red", "blue"]
    photos = [photos_dir / colour / "01.jpg" for colour in colours]
    paths = [*photos[:2], broken, *photos[2:3], *[gone] * 4, *photos[3:], broken]

    engine = KerasEngine(load_model(colour_run.model_path), batch_size=4)
    monkeypatch.setattr(classifier_module, "choose_engine", lambda *_, **__: engine)
    classifier = load_classifier(colour_run, Reporter())
    predictions = list(rank_images(classifier, paths, 2, Reporter()))

    assert [prediction.path for prediction in predictions] == list(map(str, paths))
    readable = [item for item in predictions if item.error is None]
    assert [item.top.label for item in readable] == colours
    assert predictions[2].error == "truncated JPEG"
    assert predictions[4].error == "no such file or directory"
    with pytest.raises(ValueError, match=r"broken\.jpg could not be read: truncated"):
        _ = predictions[2].top


def test_a_ranking_is_sorted_and_its_probabilities_sum_to_one(
    colour_run: Run, photos_dir: Path
) -> None:
    classifier = load_classifier(colour_run, Reporter())
    (prediction,) = rank_images(classifier, [photos_dir / "red/02.jpg"], 3, Reporter())
    probabilities = [ranked.probability for ranked in prediction.ranking]
    assert [ranked.rank for ranked in prediction.ranking] == [1, 2, 3]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1)
    assert prediction.as_json() == {
        "path": str(photos_dir / "red/02.jpg"),
        "width": prediction.width,
        "height": prediction.height,
        "predictions": [
            {
                "rank": ranked.rank,
                "class_id": ranked.label,
                "label": ranked.label,
                "probability": pytest.approx(ranked.probability, abs=1e-6),
            }
            for ranked in prediction.ranking
        ],
    }
    with Image.open(prediction.path) as image:
        assert (prediction.width, prediction.height) == image.size
