import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colours import COLOURS, make_multi_label
from decoding import decode_all
from PIL import Image
from recording_reporter import RecordingReporter
from spot_classifier import spots

import cnnxfer
from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.images.source import ImageSource, file_source, unreadable_source
from cnnxfer.errors import RunError
from cnnxfer.prediction.answers import Answer
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.model_source import find_model
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.catalog import TASKS


def photos(photos_dir: Path) -> list[ImageSource]:
    return [file_source(str(path)) for path in sorted(photos_dir.rglob("*.jpg"))]


@contextmanager
def opened(
    model: Run | str,
    reporter: Reporter | None = None,
    *,
    heat: bool = False,
    **options: Any,
) -> Iterator[Classifier]:
    with closing(
        Classifier(find_model(model), ClassifierOptions(**options), reporter, heat=heat)
    ) as classifier:
        yield classifier


def probabilities(answers: Iterable[Answer]) -> np.ndarray:
    return np.stack([answer.found for answer in answers])


def test_engines_give_close_probabilities(colour_run: Run, photos_dir: Path) -> None:
    found = {}
    for engine in ("keras", "openvino"):
        with opened(colour_run, engine=engine, precision="float32") as classifier:
            found[engine] = probabilities(classifier.answers(photos(photos_dir)))
    assert found["keras"].shape == (36, 3)
    assert (found["keras"].argmax(axis=1) == np.repeat([0, 1, 2], 12)).all()
    np.testing.assert_allclose(found["openvino"], found["keras"], atol=1e-4)


def test_int8_is_calibrated_on_training_pictures_or_on_those_given(
    int8: None, colour_run: Run, photos_dir: Path, tmp_path: Path
) -> None:
    found, keys = [], set()
    for calibrated_on in ("19 training pictures", "36 pictures"):
        reporter = RecordingReporter()
        with opened(colour_run, reporter, precision="int8") as classifier:
            keys.add(classifier.settings["calibration"])
            found.append(probabilities(classifier.answers(photos(photos_dir))))
            assert classifier.variant == ("openvino", "int8")
        (wait,) = [wait for wait in reporter.waits if wait.startswith("calibrating")]
        assert f"on {calibrated_on} for int8" in wait
        photos_dir = photos_dir.rename(tmp_path / "moved")
    assert (found[0].argmax(axis=1) == np.repeat([0, 1, 2], 12)).all()
    assert "the first images" in keys
    assert len(keys) == 2


def test_the_key_of_a_network_depends_on_its_content(
    colour_run: Run, tmp_path: Path
) -> None:
    """The path of the run does not matter."""
    key = find_model(colour_run).network(Reporter()).key
    moved = Run(colour_run.path.rename(tmp_path / "moved"))
    assert find_model(moved).network(Reporter()).key == key
    with moved.model_path.open("ab") as file:
        file.write(b" ")
    assert find_model(moved).network(Reporter()).key != key
    imagenet = find_model("efficientnet-lite0").network(Reporter())
    assert (imagenet.outputs.activated, imagenet.image_size) == (True, 224)
    assert imagenet.key != key


def test_images_are_read_lazily(colour_run: Run, photos_dir: Path) -> None:
    taken = 0

    def photos() -> Iterator[ImageSource]:
        nonlocal taken
        for _ in range(5000):
            taken += 1
            yield file_source(str(photos_dir / "red/00.jpg"))

    with opened(colour_run, engine="keras") as classifier:
        next(classifier.answers(photos()))
        time.sleep(1)  # in which many more could be taken
        assert 32 <= taken <= 300


def test_without_readable_images_no_engine_is_chosen(colour_run: Run) -> None:
    reporter = RecordingReporter()
    sources = [
        unreadable_source("1", "no picture 1"),
        unreadable_source("2", "no picture 2"),
    ]
    with opened(colour_run, reporter) as classifier:
        assert [answer.picture.error for answer in classifier.answers(sources)] == [
            "no picture 1",
            "no picture 2",
        ]
    assert reporter.infos == []


@pytest.mark.parametrize("tta", ["flip", "ten", "scales"])
def test_views_of_a_picture_are_averaged(
    colour_run: Run, photos_dir: Path, tta: str
) -> None:
    source = photos(photos_dir)[0]
    with opened(colour_run, engine="keras", tta=tta) as classifier:
        (answer,) = classifier.answers([source])
        (picture,) = decode_all([source], classifier.views)
    assert picture.pixels is not None
    assert len(picture.pixels) == {"flip": 2, "ten": 10, "scales": 3}[tta]
    model = classifier.network.build()
    expected = (
        TASKS.get("classification")
        .probabilities(model.predict_on_batch(picture.pixels))
        .mean(axis=0)
    )
    np.testing.assert_allclose(answer.found, expected, atol=1e-6)


def test_multi_label_probabilities_are_independent(
    colour_run: Run, photos_dir: Path
) -> None:
    """Averages over views agree too, and the cache takes it for another network."""
    single = find_model(colour_run)
    make_multi_label(colour_run, {"red": 0.3, "blue": 0.1, "green": 0.2})
    source = photos(photos_dir)[0]
    with opened(colour_run, engine="keras", tta="flip") as several:
        (answer,) = several.answers([source])
        (picture,) = decode_all([source], several.views)
    thresholds = several.model.decision.settings["thresholds"]
    assert thresholds == [0.1, 0.2, 0.3]  # in label order
    assert several.network.key != single.network(Reporter()).key
    model = several.network.build()
    expected = (
        TASKS.get("multi-label")
        .probabilities(model.predict_on_batch(picture.pixels))
        .mean(axis=0)
    )
    np.testing.assert_allclose(answer.found, expected, atol=1e-6)
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
        options = {"engine": "keras", "dense": dense}
        with opened(colour_run, heat=dense, **options) as classifier:
            (answers[dense],) = classifier.answers([file_source(str(path))])
    assert best_label(answers[False]) == "blue"
    assert best_label(answers[True]) == "red"
    assert answers[True].heat is not None
    (heat,) = answers[True].heat.seen
    assert heat.shape[1] > heat.shape[0]
    middle = heat.shape[1] // 2
    assert heat[:, middle].max() < heat[:, 0].min()


@pytest.mark.parametrize(("tta", "views"), [("none", 1), ("flip", 2), ("ten", 10)])
def test_heat_explains_the_plain_answer(
    spot_run: Run, photos_dir: Path, tta: str, views: int
) -> None:
    """It is that of the class, the probability and the views of the answer."""
    sources = [unreadable_source("x", "no picture"), *photos(photos_dir)[::12]]
    options: dict[str, Any] = {"engine": "keras", "tta": tta}
    with opened(spot_run, **options) as plain:
        expected = list(plain.predictions(sources))
    with opened(spot_run, heat=True, **options) as classifier:
        found = list(classifier.predictions(sources))
    assert found == expected
    assert [each.heat is None for each in found] == [True, False, False, False]
    for prediction in found[1:]:
        heat = prediction.heat
        assert heat is not None
        assert heat.ranked == prediction.top
        size = prediction.width, prediction.height
        assert heat.places == classifier.views.geometries(*size)
        assert [each.shape for each in heat.seen] == [(8, 8)] * views
        assert 0 < max(each.max() for each in heat.seen) <= 1


def test_heat_lies_on_what_the_class_is_seen_by(spot_run: Run, tmp_path: Path) -> None:
    wide = Image.new("RGB", (96, 32), (60, 60, 60))
    wide.paste(Image.fromarray(spots(green=(1, 2), red=(6, 1))), (32, 0))
    wide.save(tmp_path / "wide.png")
    source = file_source(str(tmp_path / "wide.png"))
    with opened(spot_run, heat=True, engine="keras", tta="flip") as classifier:
        (prediction,) = classifier.predictions([source])
    assert prediction.heat is not None
    column, row = {"green": (1, 2), "red": (6, 1)}[prediction.label]
    heat = prediction.heat.in_picture((96, 32), 96)
    where = np.unravel_index(heat.argmax(), heat.shape)
    assert (int(where[0]) // 4, int(where[1] - 32) // 4) == (row, column)
    assert not heat[:, :32].any()  # which is not seen


@pytest.mark.parametrize("dense", [False, True])
def test_heat_is_that_of_the_first_label(
    spot_run: Run, photos_dir: Path, dense: bool
) -> None:
    """Which is not the most probable class, if that does not reach its threshold."""
    make_multi_label(spot_run, {"red": 1.0, "blue": 1.0, "green": 0.0})
    source = file_source(str(photos_dir / "red/00.jpg"))
    with opened(spot_run, heat=True, engine="keras", dense=dense) as classifier:
        (prediction,) = classifier.predictions([source])
    assert prediction.top.label == "red"
    assert prediction.label == "green"
    assert prediction.heat is not None
    assert prediction.heat.ranked.label == "green"


def best_label(answer: Answer) -> str:
    assert answer.found is not None
    return sorted(COLOURS)[answer.found.argmax()]


def test_the_second_prediction_of_one_image_needs_no_tensorflow(
    colour_run: Run, photos_dir: Path
) -> None:
    """The first time, Keras answers, and OpenVINO is prepared for the next."""
    reporter = RecordingReporter()
    source = photos(photos_dir)[:1]
    with Classifier(find_model(colour_run), reporter=reporter) as classifier:
        (answer,) = classifier.answers(source)
    if reporter.infos[-1] == "engine: keras, float32":
        pytest.skip("Keras has a GPU here")
    assert reporter.infos[0] == "engine: keras, float32"
    found = probability_in_a_process_without_tensorflow(photos_dir, colour_run)
    assert answer.found is not None
    assert found == pytest.approx(float(answer.found.max()), abs=0.01)


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
    with opened(colour_run, reporter) as classifier:
        list(classifier.answers(photos(photos_dir)))
    if "openvino" not in reporter.infos[-1]:
        pytest.skip("Keras has a GPU here")
    assert probability_in_a_process_without_tensorflow(photos_dir, colour_run) > 0.5


def test_several_threads_get_the_answers_that_each_gets_alone(
    colour_run: Run, photos_dir: Path
) -> None:
    """Batches of files and of bytes, some of which cannot be read."""
    paths: list[Path | bytes] = [*sorted(photos_dir.rglob("*.jpg"))]
    images = [*paths, b"no image", *(path.read_bytes() for path in paths[:9])]
    batches = [images[at : at + 3] for at in range(0, len(images), 3)]
    with opened(colour_run, engine="openvino", precision="float32") as classifier:
        alone = [classifier.predict(batch) for batch in batches]
        with ThreadPoolExecutor(5) as threads:
            assert list(threads.map(classifier.predict, batches * 3)) == alone * 3
    assert [item.label for item in alone[0]] == ["blue"] * 3
    broken, *others = alone[12]
    assert (broken.path, broken.error) == ("image 1", "not an image")
    assert [item.path for item in others] == ["image 2", "image 3"]
    assert others[0].answer == alone[0][0].answer
    assert others[0].source is None  # which would keep its content in memory


def test_an_open_classifier_keeps_its_engine_and_its_decoders(
    colour_run: Run, photos_dir: Path
) -> None:
    reporter = RecordingReporter()
    paths = sorted(photos_dir.rglob("*.jpg"))
    with opened(colour_run, reporter, engine="keras") as classifier:
        classifier.predict(paths[0])
        decoders = classifier._decoders
        assert [item.label for item in classifier.predict(paths[-2:])] == ["red"] * 2
        assert classifier._decoders is decoders
        # What is left undone does not answer the next.
        with closing(classifier.predictions(photos(photos_dir))) as predictions:
            next(predictions)
        assert [item.label for item in classifier.predict(paths[-2:])] == ["red"] * 2
    assert reporter.infos == ["engine: keras, float32"]
    with pytest.raises(ValueError, match="this classifier is closed"):
        classifier.predict(paths)


def test_parts_of_the_images_are_answered_in_int8_only_if_all_are_calibrated_alike(
    int8: None, colour_run: Run, photos_dir: Path, tmp_path: Path
) -> None:
    places = {"model": colour_run, "out": tmp_path / "out.jsonl", "precision": "int8"}
    moved = photos_dir.rename(tmp_path / "moved")
    for part in ({"resume": True}, {"shard": "1/2"}):
        with pytest.raises(RunError, match="calibrated on training pictures, and"):
            cnnxfer.predict_into(moved, **places, **part, reporter=None)
