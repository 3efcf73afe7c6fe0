from collections import Counter
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import keras
import numpy as np
import pytest
from recording_reporter import RecordingReporter

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.engines.conversion import write
from cnnxfer.engines.conversion.conversion import Conversion, ConversionFailed
from cnnxfer.engines.conversion.write import load_saved, write_network
from cnnxfer.engines.engine import FEATURES, Network
from cnnxfer.engines.openvino_engine import OpenVinoEngine
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.networks.classifier import build_classifier


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """A network with squeeze-and-excitation, whose weights are far from zero."""
    keras.utils.set_random_seed(1)
    backbone = BACKBONES.get("efficientnetv2b0")
    return build_classifier(backbone, image_size=64, num_classes=5, dropout=0.0)


def network_of(model: keras.Model) -> Network:
    return Network("key", 64, lambda: model, FEATURES)


def test_a_large_network_is_written_by_another_process(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(1).integers(0, 256, (8, 64, 64, 3), np.uint8)
    expected = model.predict_on_batch(images)
    monkeypatch.setattr(keras.Model, "export", Mock(side_effect=AssertionError))
    write_network(
        network_of(model), lambda: model, Mock(), RecordingReporter(), tmp_path
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model.bin",
        "model.xml",
    ]
    engine = OpenVinoEngine(tmp_path, "float32")
    for size in (1, 3, 8):
        batches = [images[at : at + size] for at in range(0, 8, size)]
        found = np.concatenate(list(engine.run(batches)))
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    nodes = openvino.Core().read_model(tmp_path / "model.xml").get_ops()
    assert Counter(node.get_type_name() for node in nodes)["Transpose"] <= 1


def test_what_another_process_cannot_write_is_written_here(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Conversion) -> None:
        raise ConversionFailed("it fell over")

    monkeypatch.setattr(Conversion, "wait", fail)
    export = Mock()
    monkeypatch.setattr(keras.Model, "export", export)
    reporter = RecordingReporter()
    write_network(network_of(model), lambda: model, Mock(), reporter, tmp_path)
    assert export.call_count == 1
    assert any("it fell over" in message for message in reporter.infos)


def test_small_networks_start_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "Conversion", Mock(side_effect=AssertionError))
    pixels = keras.Input((8, 8, 3))
    small = keras.Model(pixels, keras.layers.Conv2D(2, 3)(pixels))
    write_network(
        network_of(small), lambda: small, Mock(), RecordingReporter(), tmp_path
    )
    assert (tmp_path / "model.xml").exists()


def test_the_process_knows_the_layers_that_keras_lacks(tmp_path: Path) -> None:
    model = build_classifier(
        BACKBONES.get("lenet5"), image_size=32, num_classes=2, dropout=0.0
    )
    saved, path = tmp_path / "model.keras", tmp_path / "model.xml"
    model.save(saved)
    with Conversion(partial(load_saved, saved), path, is_tried=True) as conversion:
        conversion.wait()
    images = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), np.uint8)
    (found,) = OpenVinoEngine(tmp_path, "float32").run([images])
    assert found == pytest.approx(model.predict_on_batch(images), rel=1e-4, abs=1e-5)


def test_a_failure_says_why(tmp_path: Path) -> None:
    with (
        Conversion(
            partial(divmod, 1, 0), tmp_path / "model.xml", is_tried=False
        ) as conversion,
        pytest.raises(ConversionFailed, match="ZeroDivisionError"),
    ):
        conversion.wait()
