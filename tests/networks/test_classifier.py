import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.errors import DataError, RunError
from cnnxfer.networks import classifier as model_module
from cnnxfer.networks.classifier import (
    backbone_of,
    build_classifier,
    copy_weights,
    load_model,
    save_model,
)
from cnnxfer.runs import Run


@pytest.fixture
def build_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> None:
        pytest.fail("Keras was asked to build it")

    monkeypatch.setattr(keras.saving, "load_model", load)


@keras.saving.register_keras_serializable("strangers")
class Strange(keras.layers.Layer):
    def call(self, inputs: object) -> object:
        return inputs


def saved(path: Path, layer: keras.layers.Layer) -> Path:
    inputs = keras.Input((4,))
    keras.Model(inputs, layer(inputs)).save(path)
    return path


def rewritten(path: Path, old: str, new: str) -> Path:
    """Replaces a part of a model's config."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts["config.json"]
    parts["config.json"] = parts["config.json"].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


@pytest.mark.usefixtures("build_nothing")
@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (keras.layers.Lambda(lambda x: x, output_shape=(4,)), "keras.layers.Lambda"),
        (Strange(), "test_model.Strange"),
        (keras.layers.Hashing(3), "keras.layers.Hashing"),
    ],
    ids=["lambda", "custom", "unused"],
)
def test_other_layers_are_refused_before_anything_is_built(
    layer: keras.layers.Layer, name: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "model.keras", layer)
    with pytest.raises(DataError) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert name in str(caught.value)
    assert "Only models that cnnxfer trained are loaded." in str(caught.value)


@pytest.mark.usefixtures("build_nothing")
@pytest.mark.parametrize(
    "disguise",
    [
        '"module": "builtins", "class_name": "function", "config": "eval", "x": {',
        '"module": "keras.utils", "class_name": "get_file", "config": {',
        '"module": "keras.layers", "class_name": "Lambda", '
        '"registered_name": "Dense", "config": {',
        '"class_name": "Lambda", "config": {',
        '"class_name": "__lambda__", "config": {',
    ],
)
def test_a_disguise_is_seen_through(disguise: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "model.keras", keras.layers.Dense(3))
    rewritten(
        path, '"module": "keras.layers", "class_name": "Dense", "config": {', disguise
    )
    with pytest.raises(DataError, match="which no model of cnnxfer has"):
        load_model(path)


def test_a_file_that_is_no_model(tmp_path: Path, parent: Run) -> None:
    path = tmp_path / "model.keras"
    with pytest.raises(RunError, match=r"model\.keras does not exist"):
        load_model(path)
    path.write_text("hello")
    with pytest.raises(DataError, match=r"model\.keras is not a whole Keras model"):
        load_model(path)
    path.write_bytes(parent.model_path.read_bytes()[:10_000])
    with pytest.raises(DataError, match=r"model\.keras is not a whole Keras model"):
        load_model(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[" * 100_000)
    with pytest.raises(DataError, match=r"model\.keras is not a whole Keras model"):
        load_model(path)
    path.write_bytes(parent.model_path.read_bytes())
    rewritten(path, '"kernel_size": [3, 3]', '"kernel_size": [5, 5]')
    with pytest.raises(DataError, match=r"model\.keras is not a whole Keras model"):
        load_model(path)


def test_a_file_over_the_limit_is_not_read(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "MODEL_LIMIT_BYTES", 1000)
    with pytest.raises(DataError, match=r"the limit for a model is 1\.0 kB"):
        load_model(parent.model_path)


def test_pixels_to_logits_whatever_their_type(parent: Run) -> None:
    model = load_model(parent.model_path)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    logits = model.predict_on_batch(pixels)
    assert logits.shape == (5, 3)
    assert logits.dtype == np.float32
    assert logits.std() > 1e-3
    for other in (pixels.astype(np.float32), pixels.astype(np.int64)):
        np.testing.assert_array_equal(model.predict_on_batch(other), logits)


@pytest.mark.filterwarnings("error:The structure of `inputs`")
def test_a_saved_model_has_no_training_in_it(tmp_path: Path) -> None:
    model = small("mobilenet-0.25")
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    save_model(model, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert not json.loads(archive.read("config.json"))["compile_config"]
    assert model.compiled
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    load_model(tmp_path / "model.keras")(np.zeros((1, 32, 32, 3), np.float32))


def test_copied_weights_give_the_same_answers() -> None:
    # EfficientNet V1 keeps its mean and deviation as weights, and a copy beside them.
    source, target = small("efficientnetb0"), small("efficientnetb0")
    norm = next(
        layer
        for layer in backbone_of(source).layers
        if isinstance(layer, keras.layers.Normalization)
    )
    for weight, value in zip(
        norm.weights[:2], ([120, 110, 90], [1, 2, 3]), strict=True
    ):
        weight.assign(value)
    norm.finalize_state()
    copy_weights(source, target)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3))
    features = [np.asarray(backbone_of(model)(pixels)) for model in (source, target)]
    assert np.ptp(features[0]) > 0
    np.testing.assert_array_equal(*features)


def small(name: str) -> keras.Model:
    return build_classifier(
        BACKBONES.get(name), image_size=32, num_classes=3, dropout=0.2
    )
