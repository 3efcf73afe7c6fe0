from pathlib import Path

import keras
import numpy as np
import pytest

import cnnxfer
from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.efficientnet_lite import EfficientNetLite
from cnnxfer.backbones.torch_checkpoint import read_checkpoint
from cnnxfer.backbones.torch_weights import load_torch_weights
from cnnxfer.backbones.weights import find_weights

LITE0 = BACKBONES.get("efficientnet-lite0")
SIZES = [BACKBONES.get(f"efficientnet-lite{number}") for number in range(3)]


def checkpoint_path(backbone: Backbone) -> Path:
    path = find_weights(backbone, include_top=True)
    if path is None:
        pytest.skip("needs packaged weights: cnnxfer[weights]")
    return path


def test_output_shapes_with_and_without_the_head() -> None:
    assert EfficientNetLite().output_shape == (None, 1000)
    headless = EfficientNetLite(include_top=False, input_shape=(96, 64, 3))
    assert headless.output_shape == (None, 3, 2, 1280)


@pytest.mark.parametrize("backbone", SIZES, ids=lambda backbone: backbone.name)
def test_every_weight_comes_from_the_checkpoint(backbone: Backbone) -> None:
    path = checkpoint_path(backbone)
    model = EfficientNetLite(**backbone.arguments)
    for weight in model.weights:
        weight.assign(np.full(weight.shape, np.nan))
    load_torch_weights(model, backbone, path)
    tensors = read_checkpoint(path)
    expected = sorted(
        (tensor.size, float(tensor.astype(np.float64).sum()))
        for name, tensor in tensors.items()
        if not name.endswith("num_batches_tracked")
    )
    found = sorted(
        (weight.size, float(weight.astype(np.float64).sum()))
        for weight in model.get_weights()
    )
    assert np.asarray(found) == pytest.approx(np.asarray(expected), rel=1e-9)


def test_without_the_head_the_other_weights_are_loaded() -> None:
    path = checkpoint_path(LITE0)
    network = build_backbone(LITE0, image_size=64, weights_path=path)
    kernel = network.get_layer("conv_stem").get_weights()[0]
    tensor = read_checkpoint(path)["_conv_stem.weight"]
    np.testing.assert_array_equal(kernel[1, 2, 0, 5], tensor[5, 0, 1, 2])
    assert "fc" not in [layer.name for layer in network.layers]


def test_activations_are_relu6() -> None:
    layers = [
        layer
        for layer in EfficientNetLite().layers
        if isinstance(layer, keras.layers.ReLU)
    ]
    assert len(layers) == 33
    assert {layer.max_value for layer in layers} == {6.0}


@pytest.mark.parametrize(
    ("backbone", "first"), list(zip(SIZES, (86, 86, 82), strict=True))
)
def test_it_classifies_imagenet_photographs(
    shared: Path, backbone: Backbone, first: int
) -> None:
    """The published accuracy is 75.1%, 76.7% and 77.6%.

    These 100 photographs are easier, and too few to tell the sizes apart: one standard
    error is 3.5%.
    """
    checkpoint_path(backbone)
    predictions = list(
        cnnxfer.predict(shared / "data" / "imagenet100", model=backbone.name, top=5)
    )
    ranks = []
    for prediction in predictions:
        class_id = Path(prediction.path).name.split("_")[0]
        named = [ranked.class_id for ranked in prediction.answer.ranking]
        ranks.append(named.index(class_id) if class_id in named else 5)
    assert len(ranks) == 100
    assert ranks.count(0) >= first
    assert sum(rank < 5 for rank in ranks) >= 95
