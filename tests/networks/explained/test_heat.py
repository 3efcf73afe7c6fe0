"""Heat maps lie where a class is, and are what their papers say."""

import keras
import numpy as np
import pytest
from spot_classifier import ENTRY, GREEN, OUTPUTS, RED, spot_classifier, spots

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.errors import ConfigError
from cnnxfer.networks.classifier import (
    backbone_of,
    build_classifier,
    build_imagenet_classifier,
)
from cnnxfer.networks.explained.heat import GRAD_CAM, SCORE_CAM, HeatMapper
from cnnxfer.networks.explained.layer import layer_to_explain, part_before, part_behind

VIEWS = np.stack([spots(green=(1, 2), red=(6, 5)), spots(green=(7, 0), red=(0, 7))])


def hottest(heat: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    return int(column), int(row)


@pytest.mark.parametrize("method", [GRAD_CAM, SCORE_CAM])
def test_each_class_is_hot_where_it_is(method: str) -> None:
    mapper = HeatMapper(spot_classifier(), OUTPUTS, ENTRY, method=method)
    assert mapper.layer == "conv"  # not the pooling behind it
    heat = mapper.heat(VIEWS, np.array([[GREEN, RED], [RED, GREEN]]))
    assert heat.shape == (2, 2, 8, 8)
    assert heat.dtype == np.float32
    assert [hottest(each) for each in heat.reshape(4, 8, 8)] == [
        *((1, 2), (6, 5)),
        *((0, 7), (7, 0)),
    ]
    assert heat.max() == 1
    assert (heat > 0).sum() == 4  # and nowhere else


def test_a_class_that_nothing_speaks_for_has_no_heat() -> None:
    mapper = HeatMapper(spot_classifier(), OUTPUTS, ENTRY)
    grey = np.full_like(VIEWS[:1], 60)
    np.testing.assert_array_equal(mapper.heat(grey, np.array([[GREEN]])), 0)


def test_behind_an_average_grad_cam_is_the_class_activation_map() -> None:
    """As its paper proves for heads of one layer (section 3 and appendix A)."""
    entry = BACKBONES.get("resnet20")
    model = build_classifier(entry, image_size=32, num_classes=9, dropout=0.2)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    best = keras.ops.convert_to_numpy(model(pixels, training=False)).argmax(axis=1)
    (heat, other) = HeatMapper(model, OUTPUTS, entry).heat(pixels, best[:, None])[:, 0]
    assert not np.array_equal(heat, other)
    before = part_before(model, entry, "stage3_unit3_relu")
    maps = keras.ops.convert_to_numpy(before(pixels, training=False))
    kernel = model.get_layer("logits").get_weights()[0]
    expected = (maps[0] @ kernel[:, best[0]]).clip(0)
    np.testing.assert_allclose(heat, expected / expected.max(), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "layer"), [("depth-pooling", "depth3"), ("lenet5", "c3_tanh")]
)
def test_a_network_with_its_own_head_is_parted_before_the_softmax(
    name: str, layer: str
) -> None:
    entry = BACKBONES.get(name)
    model = build_imagenet_classifier(entry, None)
    assert layer_to_explain(backbone_of(model), entry) == layer
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    maps = part_before(model, entry, layer)(pixels, training=False)
    logits = part_behind(model, layer)(maps, training=False)
    assert not np.allclose(keras.ops.sum(logits, axis=-1), 1, atol=1e-3)
    np.testing.assert_allclose(
        keras.ops.softmax(logits), model(pixels, training=False), atol=1e-5
    )


def test_layers_that_explain_nothing_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        HeatMapper(spot_classifier(), OUTPUTS, ENTRY, layer="conf")
    assert str(caught.value) == (
        "layer is 'conf', and no layer of that name has maps that carry everything to "
        "the answer. Did you mean 'conv'? Good ones are conv and end."
    )
