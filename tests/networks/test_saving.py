import json
import tracemalloc
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.errors import DataError, RunError
from cnnxfer.networks import saving
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.networks.saving import load_model, save_model
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
        (Strange(), "test_saving.Strange"),
        (keras.layers.Hashing(3), "keras.layers.Hashing"),
    ],
    ids=["lambda", "custom", "unused"],
)
def test_other_layers_are_refused_before_building(
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
def test_disguised_objects_in_a_config_are_refused(
    disguise: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "model.keras", keras.layers.Dense(3))
    rewritten(
        path, '"module": "keras.layers", "class_name": "Dense", "config": {', disguise
    )
    with pytest.raises(DataError, match="which no model of cnnxfer uses"):
        load_model(path)


def test_a_file_that_is_not_a_model_is_refused(tmp_path: Path, parent: Run) -> None:
    path = tmp_path / "model.keras"
    with pytest.raises(RunError, match=r"model\.keras does not exist"):
        load_model(path)
    path.write_text("hello")
    with pytest.raises(DataError, match=r"model\.keras is not a complete Keras model"):
        load_model(path)
    path.write_bytes(parent.model_path.read_bytes()[:10_000])
    with pytest.raises(DataError, match=r"model\.keras is not a complete Keras model"):
        load_model(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[" * 100_000)
    with pytest.raises(DataError, match=r"model\.keras is not a complete Keras model"):
        load_model(path)
    path.write_bytes(parent.model_path.read_bytes())
    rewritten(path, '"kernel_size": [3, 3]', '"kernel_size": [5, 5]')
    with pytest.raises(DataError, match=r"model\.keras is not a complete Keras model"):
        load_model(path)


def test_a_file_over_the_limit_is_not_read(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "MODEL_LIMIT_BYTES", 1000)
    with pytest.raises(DataError, match=r"the limit for a model is 1\.0 kB"):
        load_model(parent.model_path)


def changed(old: Path, path: Path, method: int = zipfile.ZIP_STORED, **parts) -> Path:
    """Copies a model file with other parts, such as `config`, or compressed ones."""
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(path, "w", method) as target:
        for name in source.namelist():
            content = parts.get(name.split(".")[0], source.read(name))
            target.writestr(name, content)
    return path


@pytest.mark.usefixtures("build_nothing")
def test_what_takes_far_more_memory_than_the_file_is_not_read(
    tmp_path: Path, parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = tmp_path / "model.keras", parent.model_path
    spaces = b" " * 30_000_000
    changed(model, path, zipfile.ZIP_DEFLATED, config=spaces)
    assert path.stat().st_size < 3_000_000
    tracemalloc.start()
    with pytest.raises(DataError, match=r"no zip archive of uncompressed parts"):
        load_model(path)
    with pytest.raises(DataError, match=r"config\.json has 30\.0 MB; the limit is 20"):
        load_model(changed(model, path, config=spaces))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 35_000_000  # the test's own copy of the spaces, and no other
    weights = tmp_path / "model.weights.h5"
    with h5py.File(weights, "w") as file:
        file.create_dataset("kernel", (1 << 30,), "f4", chunks=(1 << 20,))
    with pytest.raises(DataError, match=r"model\.weights\.h5 holds shapes without"):
        load_model(changed(model, path, model=weights.read_bytes()))


@pytest.mark.filterwarnings("error:The structure of `inputs`")
def test_a_saved_model_has_no_optimizer_state(tmp_path: Path) -> None:
    model = build_classifier(
        BACKBONES.get("mobilenet-0.25"), image_size=32, num_classes=3, dropout=0.2
    )
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    save_model(model, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert not json.loads(archive.read("config.json"))["compile_config"]
    assert model.compiled
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    load_model(tmp_path / "model.keras")(np.zeros((1, 32, 32, 3), np.float32))
