import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from colours import COLOURS
from PIL import Image
from recording_reporter import RecordingReporter

from cnnxfer.data.decoding.pool import decode_all
from cnnxfer.data.images.source import ImageSource, file_source, unreadable_source
from cnnxfer.prediction.answers import Answer, answer_images
from cnnxfer.prediction.classifier import EngineOptions, load_classifier
from cnnxfer.prediction.model_source import find_model
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.probabilities import sigmoid, softmax


def photos(photos_dir: Path) -> list[ImageSource]:
    return [file_source(str(path)) for path in sorted(photos_dir.rglob("*.jpg"))]


def probabilities(answers: Iterable[Answer]) -> np.ndarray:
    return np.stack([answer.probabilities for answer in answers])


def test_engines_give_close_probabilities(colour_run: Run, photos_dir: Path) -> None:
    found = {}
    for engine in ("keras", "openvino"):
        classifier = load_classifier(
            find_model(colour_run), Reporter(), EngineOptions(engine, "float32")
        )
        answers = answer_images(classifier, photos(photos_dir), "answering", Reporter())
        found[engine] = probabilities(answers)
    assert found["keras"].shape == (36, 3)
    assert (found["keras"].argmax(axis=1) == np.repeat([0, 1, 2], 12)).all()
    np.testing.assert_allclose(found["openvino"], found["keras"], atol=1e-4)


def test_the_key_of_a_network_depends_on_its_content(
    colour_run: Run, tmp_path: Path
) -> None:
    """The path of the run does not matter."""
    key = load_classifier(find_model(colour_run), Reporter()).network.key
    moved = Run(colour_run.path.rename(tmp_path / "moved"))
    assert load_classifier(find_model(moved), Reporter()).network.key == key
    with moved.model_path.open("ab") as file:
        file.write(b" ")
    assert load_classifier(find_model(moved), Reporter()).network.key != key
    imagenet = load_classifier(find_model("efficientnet-lite0"), Reporter()).network
    assert (imagenet.outputs, imagenet.image_size) == ("probabilities", 224)
    assert imagenet.key != key


def test_images_are_read_lazily(colour_run: Run, photos_dir: Path) -> None:
    taken = 0

    def photos() -> Iterator[ImageSource]:
        nonlocal taken
        for _ in range(5000):
            taken += 1
            yield file_source(str(photos_dir / "red/00.jpg"))

    classifier = load_classifier(
        find_model(colour_run), Reporter(), EngineOptions(engine="keras")
    )
    answers = answer_images(classifier, photos(), "answering", Reporter())
    next(answers)
    time.sleep(1)  # in which many more could be taken
    assert 32 <= taken <= 300
    answers.close()


def test_without_readable_images_no_engine_is_chosen(colour_run: Run) -> None:
    reporter = RecordingReporter()
    classifier = load_classifier(find_model(colour_run), reporter)
    sources = [
        unreadable_source("1", "no picture 1"),
        unreadable_source("2", "no picture 2"),
    ]
    answers = answer_images(classifier, sources, "", reporter)
    assert [answer.picture.error for answer in answers] == [
        "no picture 1",
        "no picture 2",
    ]
    assert reporter.infos == []


@pytest.mark.parametrize("tta", ["flip", "ten", "scales"])
def test_views_of_a_picture_are_averaged(
    colour_run: Run, photos_dir: Path, tta: str
) -> None:
    plain = load_classifier(find_model(colour_run), Reporter(), EngineOptions("keras"))
    several = load_classifier(
        find_model(colour_run), Reporter(), EngineOptions("keras"), tta=tta
    )
    source = photos(photos_dir)[0]
    (answer,) = answer_images(several, [source], "", Reporter())
    (picture,) = decode_all([source], several.views)
    assert picture.pixels is not None
    assert len(picture.pixels) == {"flip": 2, "ten": 10, "scales": 3}[tta]
    model = plain.network.build()
    expected = softmax(model.predict_on_batch(picture.pixels)).mean(axis=0)
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-6)


def test_multi_label_probabilities_are_independent(
    colour_run: Run, photos_dir: Path
) -> None:
    """Averages over views agree too, and the cache takes it for another network."""
    single = load_classifier(find_model(colour_run), Reporter(), EngineOptions("keras"))
    assert single.model.thresholds is None
    colour_run.write_thresholds({"red": 0.3, "blue": 0.1, "green": 0.2})
    several = load_classifier(
        find_model(colour_run), Reporter(), EngineOptions("keras"), tta="flip"
    )
    assert several.model.thresholds is not None
    assert several.model.thresholds.tolist() == [0.1, 0.2, 0.3]  # in label order
    assert several.network.key != single.network.key
    source = photos(photos_dir)[0]
    (answer,) = answer_images(several, [source], "", Reporter())
    (picture,) = decode_all([source], several.views)
    model = several.network.build()
    expected = sigmoid(model.predict_on_batch(picture.pixels)).mean(axis=0)
    np.testing.assert_allclose(answer.probabilities, expected, atol=1e-6)
    assert expected.sum() > 1.5


def test_dense_prediction_sees_pixels_outside_the_crop(
    colour_run: Run, tmp_path: Path
) -> None:
    """Encodes an image that is blue in the middle and red at both ends."""
    pixels = np.zeros((40, 320, 3), np.uint8)
    pixels[...] = COLOURS["red"]
    pixels[:, 140:180] = COLOURS["blue"]
    path = tmp_path / "wide.png"
    Image.fromarray(pixels).save(path)
    answers = {}
    for dense in (False, True):
        classifier = load_classifier(
            find_model(colour_run),
            Reporter(),
            EngineOptions("keras"),
            dense=dense,
            heat=dense,
        )
        (answers[dense],) = answer_images(
            classifier, [file_source(str(path))], "", Reporter()
        )
    assert best_label(answers[False]) == "blue"
    assert best_label(answers[True]) == "red"
    heat = answers[True].heat
    assert heat is not None
    assert heat.shape[1] > heat.shape[0]
    middle = heat.shape[1] // 2
    assert heat[:, middle].max() < heat[:, 0].min()


def best_label(answer: Answer) -> str:
    assert answer.probabilities is not None
    return sorted(COLOURS)[answer.probabilities.argmax()]


def test_the_second_prediction_of_one_image_needs_no_tensorflow(
    colour_run: Run, photos_dir: Path
) -> None:
    """The first time, Keras answers, and OpenVINO is prepared for the next."""
    reporter = RecordingReporter()
    source = photos(photos_dir)[:1]
    (answer,) = answer_images(
        load_classifier(find_model(colour_run), reporter), source, "", reporter
    )
    if reporter.infos[-1] == "engine: keras, float32":
        pytest.skip("Keras has a GPU here")
    assert reporter.infos[0] == "engine: keras, float32"
    found = probability_in_a_process_without_tensorflow(photos_dir, colour_run)
    assert answer.probabilities is not None
    assert found == pytest.approx(float(answer.probabilities.max()), abs=0.01)


def probability_in_a_process_without_tensorflow(photos_dir: Path, run: Run) -> float:
    code = """
import sys, cnnxfer
(prediction,) = cnnxfer.predict(sys.argv[1], model=sys.argv[2])
assert not {"tensorflow", "keras"} & sys.modules.keys()
print(prediction.top.probability)
"""
    photo = str(photos(photos_dir)[0].name)
    command = [sys.executable, "-c", code, photo, str(run.path)]
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


def test_an_accepted_openvino_network_needs_no_tensorflow(
    colour_run: Run, photos_dir: Path
) -> None:
    """Importing Keras takes longer than answering."""
    reporter = RecordingReporter()
    classifier = load_classifier(find_model(colour_run), reporter)
    list(answer_images(classifier, photos(photos_dir), "answering", reporter))
    if "openvino" not in reporter.infos[-1]:
        pytest.skip("Keras has a GPU here")
    assert probability_in_a_process_without_tensorflow(photos_dir, colour_run) > 0.5
