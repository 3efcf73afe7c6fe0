"""Every classic network learns, is saved, loaded and converted, at its own size."""

from pathlib import Path

import keras
import numpy as np
import pytest

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.classics.catalog import classics
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.networks.saving import load_model, save_model

CLASSES = 4
EACH = pytest.mark.parametrize("entry", list(classics()), ids=lambda entry: entry.name)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def pictures(count: int, size: int) -> np.ndarray:
    """Returns noise on 8x8 squares of random colours, so that sides of 32 have many."""
    random = np.random.default_rng(0)
    squares = random.uniform(0, 255, (count, 8, 8, 3))
    places = np.arange(size) * 8 // size
    return squares[:, places][:, :, places].astype("float32")


@pytest.mark.slow
@EACH
def test_one_step_and_every_format_at_its_own_size(
    entry: Backbone, tmp_path: Path
) -> None:
    openvino = pytest.importorskip("openvino")
    size = entry.image_size
    keras.utils.set_random_seed(0)
    model = build_classifier(entry, image_size=size, num_classes=CLASSES, dropout=0.2)
    model.compile(keras.optimizers.Adam(1e-4), LOSS)
    before = [np.array(weight) for weight in model.trainable_weights]
    loss = model.train_on_batch(pictures(2, size), np.arange(2))
    assert np.isfinite(loss)
    for weight, value in zip(model.trainable_weights, before, strict=True):
        assert not np.array_equal(weight, value), weight.path

    pixels = pictures(2, size)
    answers = model.predict(pixels, verbose=0)
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(pixels, verbose=0), answers)
    converted = openvino.convert_model(loaded, input=pixels.shape)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(converted, "CPU", exact)
    found = next(iter(compiled(pixels).values()))
    largest = max(1.0, np.abs(answers).max())  # hundreds, of random deep networks
    np.testing.assert_allclose(found / largest, answers / largest, atol=1e-4)


@pytest.mark.slow
@EACH
def test_it_learns_32_pictures_by_heart(entry: Backbone) -> None:
    """At 32 pixels, or 67 of AlexNet: those of 224 would take 50 times as long."""
    size = max(entry.min_size, 32)
    keras.utils.set_random_seed(0)
    model = build_classifier(entry, image_size=size, num_classes=CLASSES, dropout=0)
    pixels, labels = pictures(32, size), np.arange(32) % CLASSES
    norms = any("_bn" in weight.path for weight in model.weights)
    model.compile(keras.optimizers.Adam(1e-3 if norms else 3e-4), LOSS)
    for steps in range(10, 401, 10):
        for _ in range(10):
            model.train_on_batch(pixels, labels)
        if (model.predict(pixels, verbose=0).argmax(-1) == labels).all():
            print(f"{entry.name} at {size} pixels: {steps} steps")
            return
    pytest.fail("400 steps are not enough")
