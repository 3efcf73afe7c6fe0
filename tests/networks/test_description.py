"""What model files say of themselves, and runs that say something else."""

import dataclasses
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import cnnxfer
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.networks.description import describe, read_description
from cnnxfer.networks.saving import load_model, save_model
from cnnxfer.runs import PUT_BACK, Run


@pytest.fixture
def described(colour_run: Run) -> Run:
    model = load_model(colour_run.model_path)
    save_model(model, colour_run.model_path, describe(colour_run))
    return colour_run


def test_a_trained_model_says_what_it_expects(parent: Run) -> None:
    found = read_description(parent.model_path)
    assert found == {
        "version": cnnxfer.__version__,
        "backbone": "mobilenet-0.25",
        "task": "classification",
        "classes": ["blue", "green", "red"],
        "image_size": 64,
        "central_crop": 0.875,
        "fit": "crop",
        "resampling": "bicubic with antialiasing",
        "channels": "RGB",
        "values": [0, 255],
        "outputs": "logits",
        "activation": "softmax",
    }


def test_keras_and_our_loader_read_a_described_file_as_any_other(
    described: Run,
) -> None:
    """A fourth part would have Keras unpack the whole file to disk."""
    with zipfile.ZipFile(described.model_path) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [
            "config.json",
            "metadata.json",
            "model.weights.h5",
        ]
        metadata = json.loads(archive.read("metadata.json"))
    assert metadata["keras_version"] == keras.__version__
    assert metadata["cnnxfer"] == describe(described)
    pixels = np.full((1, 32, 32, 3), 100, np.float32)
    answers = [
        load(described.model_path)(pixels)
        for load in (keras.saving.load_model, load_model)
    ]
    np.testing.assert_array_equal(*answers)
    assert not list(described.path.glob(".tmp*"))


def test_a_file_without_a_sound_description_is_only_a_model(
    described: Run, tmp_path: Path
) -> None:
    path = described.model_path
    save_model(load_model(path), path)
    assert read_description(path) is None
    assert list(cnnxfer.predict(described.config.data, model=described, engine="keras"))
    for content in (b"{", b'{"cnnxfer": 3}', b"[" * 100_000):
        with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
            archive.writestr("metadata.json", content)
        assert read_description(tmp_path / "model.keras") is None
    assert read_description(tmp_path / "none.keras") is None


def test_settings_that_a_model_was_not_saved_with_are_refused(described: Run) -> None:
    described.write_config(dataclasses.replace(described.config, central_crop=1.0))
    for use in (cnnxfer.unfreeze, cnnxfer.evaluate, cnnxfer.open_classifier):
        with pytest.raises(RunError) as caught:
            use(described)
        assert str(caught.value) == (
            f"{described.model_path} was saved with central_crop '0.875', but "
            f"config.toml beside it says '1.0'. {PUT_BACK}"
        )
    assert list(described.path.parent.iterdir()) == [described.path]


def test_classes_in_another_order_than_a_models_are_refused(described: Run) -> None:
    described.write_classes(["blue", "red", "green"])
    with pytest.raises(RunError, match=r"with classes 'green', but classes\.json "):
        cnnxfer.open_classifier(described)
    described.write_classes(["blue", "green", "red", "white"])
    with pytest.raises(RunError, match=r"with classes 'None', .* says 'white'\."):
        cnnxfer.open_classifier(described)


def test_fine_tuning_keeps_the_square_that_its_parent_sees(
    described: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("central_crop = 1.0\n")
    with pytest.raises(ConfigError, match=r"central_crop is 1\.0 in .*mine\.toml"):
        cnnxfer.unfreeze(described, config=path)
