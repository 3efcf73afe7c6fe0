"""The logits of LeNet-5's output are negative squared distances to centres."""

from pathlib import Path

import keras
import numpy as np
import pytest

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.networks.saving import load_model, save_model
from cnnxfer.tasks.euclidean import EuclideanDistances
from cnnxfer.tasks.heads import HEAD, unscaled_weights

RANDOM = np.random.default_rng(0)


def distances(units: int, channels: int, mean: float = 0.0) -> EuclideanDistances:
    layer = EuclideanDistances(units)
    layer.build((None, channels))
    centres = mean + RANDOM.normal(size=(channels, units))
    layer.set_weights([centres.astype(np.float32), np.float32([0.3])])
    return layer


def expected(layer: EuclideanDistances, x: np.ndarray) -> np.ndarray:
    centres, log_temperature = (each.astype(float) for each in layer.get_weights())
    squares = np.square(x[..., None] - centres).sum(axis=-2)
    return -squares / np.exp(log_temperature)


@pytest.mark.parametrize("shape", [(4, 84), (2, 3, 5, 84)], ids=["features", "map"])
def test_a_logit_is_the_negative_squared_distance(shape: tuple[int, ...]) -> None:
    layer = distances(10, 84)
    x = RANDOM.normal(size=shape)
    found = layer(x.astype(np.float32))
    np.testing.assert_allclose(found, expected(layer, x), rtol=1e-5)
    assert found.shape == layer.compute_output_shape(shape)


def test_a_large_common_mean_costs_no_digits() -> None:
    layer = distances(3, 8, mean=1000)
    x = np.float32(1000 + RANDOM.normal(size=(5, 8)))
    np.testing.assert_allclose(layer(x), expected(layer, x), rtol=1e-4)


def test_centres_of_scaled_features_are_put_back() -> None:
    layer, x = distances(3, 8), RANDOM.normal(7, 5, (6, 8))
    mean, scale = x.mean(axis=0), float(x.std())
    scaled = np.asarray(layer(np.float32((x - mean) / scale)))
    layer.set_weights(unscaled_weights(layer, layer.get_weights(), mean, scale))
    np.testing.assert_allclose(layer(np.float32(x)), scaled, rtol=1e-4)


def test_lenet5_of_the_paper_is_saved_and_loaded(tmp_path: Path) -> None:
    model = build_classifier(
        BACKBONES.get("lenet5"),
        image_size=32,
        num_classes=10,
        dropout=0.0,
        head="euclidean",
    )
    # Up to F6 as in the paper; a centre has no bias, and the temperature is one more.
    assert model.count_params() == 60_000 + 840 + 1
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert isinstance(loaded.get_layer(HEAD), EuclideanDistances)
    pixels = RANDOM.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    answers = np.asarray(model(pixels))
    np.testing.assert_array_equal(loaded(pixels), answers)
    openvino = pytest.importorskip("openvino")
    converted = openvino.convert_model(loaded, input=pixels.shape)
    compiled = openvino.compile_model(
        converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    found = next(iter(compiled(pixels).values()))
    np.testing.assert_allclose(found, answers, atol=1e-4)
    assert np.ptp(found) > 0


def test_the_nearest_centre_is_learned() -> None:
    labels = np.arange(60) % 3
    x = np.float32(RANDOM.normal(size=(3, 8))[labels] * 2 + RANDOM.normal(size=(60, 8)))
    layer = EuclideanDistances(3)
    model = keras.Sequential([keras.Input((8,)), layer])
    model.compile(
        keras.optimizers.Adam(0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(x, labels, epochs=40, verbose=0)
    centres = np.asarray(layer.centres).T
    nearest = np.square(x[:, None] - centres).sum(-1).argmin(-1)
    assert (nearest == labels).mean() > 0.9
