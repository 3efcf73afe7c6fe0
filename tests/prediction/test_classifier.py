import subprocess
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnxfer.errors import DataError
from cnnxfer.prediction.classifier import AHEAD, Answer, load_classifier
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run


class Told(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)


def photos(photos_dir: Path) -> list[Any]:
    return [path.read_bytes for path in sorted(photos_dir.rglob("*.jpg"))]


def probabilities(answers: Iterable[Answer]) -> np.ndarray:
    return np.stack([answer.probabilities for answer in answers])


def test_engines_answer_alike(colour_run: Run, photos_dir: Path) -> None:
    found = {}
    for engine in ("keras", "openvino"):
        classifier = load_classifier(
            colour_run, Reporter(), engine=engine, precision="float32"
        )
        answers = classifier.answer(photos(photos_dir), "answering", Reporter())
        found[engine] = probabilities(answers)
    assert found["keras"].shape == (36, 3)
    assert (found["keras"].argmax(axis=1) == np.repeat([0, 1, 2], 12)).all()
    np.testing.assert_allclose(found["openvino"], found["keras"], atol=1e-4)


def test_a_network_is_known_by_what_it_holds(colour_run: Run, tmp_path: Path) -> None:
    """And not by where it is."""
    key = load_classifier(colour_run, Reporter()).network.key
    moved = Run(colour_run.path.rename(tmp_path / "moved"))
    assert load_classifier(moved, Reporter()).network.key == key
    with moved.model_path.open("ab") as file:
        file.write(b" ")
    assert load_classifier(moved, Reporter()).network.key != key
    imagenet = load_classifier("efficientnet-lite0", Reporter()).network
    assert (imagenet.outputs, imagenet.image_size) == ("probabilities", 224)
    assert imagenet.key != key


def test_many_images_take_no_more_memory_than_some(
    colour_run: Run, photos_dir: Path
) -> None:
    read = 0
    photo = (photos_dir / "red/00.jpg").read_bytes()

    def count() -> bytes:
        nonlocal read
        read += 1
        return photo

    classifier = load_classifier(colour_run, Reporter(), engine="keras")
    answers = classifier.answer([count] * 5000, "answering", Reporter())
    next(answers)
    time.sleep(1)  # in which many more could be read
    assert 32 <= read <= 2 * AHEAD
    answers.close()


def test_where_nothing_can_be_read_no_engine_is_chosen(colour_run: Run) -> None:
    def fail(number: int) -> bytes:
        raise DataError(f"no picture {number}")

    told = Told()
    classifier = load_classifier(colour_run, told)
    answers = classifier.answer([partial(fail, 1), partial(fail, 2)], "", told)
    assert [answer.error for answer in answers] == ["no picture 1", "no picture 2"]
    assert told.lines == []


def test_tensorflow_rests_where_openvino_has_passed(
    colour_run: Run, photos_dir: Path
) -> None:
    """Importing it takes longer than answering."""
    told = Told()
    classifier = load_classifier(colour_run, told)
    list(classifier.answer(photos(photos_dir), "answering", told))
    if "openvino" not in told.lines[-1]:
        pytest.skip("Keras has a GPU here")
    code = """
import sys, cnnxfer
(prediction,) = cnnxfer.predict(sys.argv[1], model=sys.argv[2])
assert prediction.top.label == "red"
assert not {"tensorflow", "keras"} & sys.modules.keys()
"""
    photo = str(photos_dir / "red/00.jpg")
    command = [sys.executable, "-c", code, photo, str(colour_run.path)]
    subprocess.run(command, check=True)
