from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from cnnxfer.prediction.classifier import load_classifier, softmax
from cnnxfer.prediction.engines.keras_engine import KerasEngine
from cnnxfer.prediction.ranking import rank_images
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run


def test_softmax_rows_sum_to_one() -> None:
    logits = np.array([[0, np.log(3)], [1000, 0], [-1000, -1000]], np.float32)
    expected = [[0.25, 0.75], [1, 0], [0.5, 0.5]]
    np.testing.assert_allclose(softmax(logits), expected, atol=1e-6)


def test_unreadable_images_keep_their_place(
    colour_run: Run, photos_dir: Path, tmp_path: Path
) -> None:
    """Across batches of 4, one of which holds nothing readable."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((photos_dir / "red/00.jpg").read_bytes()[:-200])
    gone = tmp_path / "gone.jpg"
    colours = ["red", "blue", "green", "red", "blue"]
    photos = [photos_dir / colour / "01.jpg" for colour in colours]
    paths = [*photos[:2], broken, *photos[2:3], *[gone] * 4, *photos[3:]]

    classifier = load_classifier(colour_run, Reporter())
    classifier.engine.batch_size = 4
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


def test_the_engine_answers_alike_for_any_number_of_images() -> None:
    keras.utils.set_random_seed(0)
    pixels = keras.Input((8, 8, 3))
    model = keras.Model(pixels, keras.layers.Dense(4)(keras.layers.Flatten()(pixels)))
    photos = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    engine = KerasEngine(model, batch_size=3)
    assert engine.image_size == 8
    outputs = np.concatenate([engine(photos[:3]), engine(photos[3:])])
    assert outputs.shape == (5, 4)
    np.testing.assert_allclose(outputs, model(photos.astype("float32")), rtol=1e-4)


@pytest.mark.usefixtures("colour_run")
def test_few_images_are_not_padded_to_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    pixels = keras.Input((8, 8, 3))
    model = keras.Model(pixels, keras.layers.Flatten()(pixels))
    predict = model.predict_on_batch

    def record(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return predict(batch)

    monkeypatch.setattr(model, "predict_on_batch", record)
    engine = KerasEngine(model)
    for count in (2, 1, 2):
        assert len(engine(np.zeros((count, 8, 8, 3), np.uint8))) == count
    assert sizes == [2, 2, 2]  # and none is compiled anew
