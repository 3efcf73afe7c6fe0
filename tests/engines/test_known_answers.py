from importlib import resources
from pathlib import Path
from random import random

import numpy as np
import pytest

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import find_weights
from cnnxfer.engines import trial
from cnnxfer.engines.choice import choose_engine
from cnnxfer.engines.engine import Engine
from cnnxfer.engines.known_answers import (
    FILE,
    MOST_APART,
    are_known,
    formula_images,
    published_answers,
)
from cnnxfer.prediction.model_source import find_model, imagenet_model
from cnnxfer.reporting import Reporter, SilentReporter
from cnnxfer.runs import Run

KNOWN = (
    "efficientnet-lite0",
    "efficientnet-lite1",
    "efficientnet-lite2",
    "mobilenet-0.25",
)
BUILT_IN = next(iter(BACKBONES))
SUMS = [19156178, 18981179, 20278864, 17012597]


def test_images_of_the_formula_are_the_same_everywhere() -> None:
    images = formula_images(224)
    assert images.shape == (4, 224, 224, 3)
    assert images.dtype == np.uint8
    assert [int(image.astype(np.int64).sum()) for image in images] == SUMS
    assert all(np.ptp(image) > 150 for image in images)


def test_the_built_in_backbone_answers_at_once_and_without_keras(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """One image is too few to compare with Keras, which is not asked."""
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path))

    def refuse(reporter: Reporter) -> None:
        raise AssertionError("TensorFlow is imported")

    monkeypatch.setattr(trial, "starting_keras", refuse)
    network = imagenet_model(BUILT_IN).network(SilentReporter())
    image = formula_images(network.image_size)[:1]
    engine = choose_engine(
        network,
        engine="auto",
        precision="auto",
        samples=lambda: image,
        reporter=SilentReporter(),
    )
    assert (engine.name, engine.precision) == ("openvino", "float32")
    (answers,) = engine.run([image])
    expected = published_answers(network.key)
    assert expected is not None
    assert are_known(answers, expected[:1])


def test_a_run_answers_at_once_and_without_keras(
    colour_run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It knows what Keras has answered when it was trained."""
    image = formula_images(32)[:1]
    expected = formula_images(32).mean(axis=(1, 2), dtype=np.float32)[:, ::-1] / 20
    colour_run.keep_known_answers(expected)

    def chosen() -> Engine:
        monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / str(random())))
        return choose_engine(
            find_model(colour_run).network(SilentReporter()),
            engine="auto",
            precision="float32",
            samples=lambda: image,
            reporter=SilentReporter(),
        )

    assert chosen().name == "openvino"
    colour_run.keep_known_answers(expected + 0.01)
    assert chosen().name == "keras"


def test_all_answers_are_of_the_catalog() -> None:
    keys = {
        imagenet_model(backbone).network(SilentReporter()).key
        for backbone in BACKBONES
        if find_weights(backbone, include_top=True)
    }
    names = {backbone.name for backbone in BACKBONES if backbone.name in KNOWN}
    assert names == set(KNOWN)
    with (resources.files("cnnxfer.engines") / FILE).open("rb") as stream:
        known = set(np.load(stream))
    assert len(known) == len(KNOWN)
    # Of those whose weights are packages of this environment, or in Keras's cache here.
    assert known & keys


def test_other_answers_are_not_known() -> None:
    network = imagenet_model(BUILT_IN).network(SilentReporter())
    expected = published_answers(network.key)
    assert expected is not None
    wrong = expected.copy()
    wrong[3, 7] += 2 * MOST_APART * expected.max()
    assert not are_known(wrong, expected)
    assert not are_known(expected * np.nan, expected)
    assert published_answers("another") is None
