import keras
import numpy as np

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.networks.classifier import backbone_of, build_classifier, copy_weights
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run


def test_logits_do_not_depend_on_the_dtype_of_pixels(parent: Run) -> None:
    model = load_model(parent.model_path)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    logits = model.predict_on_batch(pixels)
    assert logits.shape == (5, 3)
    assert logits.dtype == np.float32
    assert logits.std() > 1e-3
    for other in (pixels.astype(np.float32), pixels.astype(np.int64)):
        np.testing.assert_array_equal(model.predict_on_batch(other), logits)


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
