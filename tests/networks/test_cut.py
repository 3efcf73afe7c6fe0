"""Every network of the catalog can be cut in two, and both parts equal the whole."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.engines.engine import FEATURES
from cnnxfer.errors import ConfigError
from cnnxfer.networks.classifier import all_layers, backbone_of, build_classifier
from cnnxfer.networks.cut import (
    activation_shape,
    deepest_cut,
    model_before,
    model_behind,
    network_before,
)
from cnnxfer.networks.graph import boundaries, multiply_adds
from cnnxfer.networks.saving import load_model, save_model
from cnnxfer.tasks.class_task import POOLED

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 96, 96, 3), np.uint8)


def small(name: str, image_size: int = 96) -> keras.Model:
    return build_classifier(
        BACKBONES.get(name), image_size=image_size, num_classes=3, dropout=0.2
    )


@pytest.fixture(scope="module")
def fitted_classifier(weights_path: Path) -> keras.Model:
    """A small classifier whose answers depend on its pixels."""
    return build_classifier(
        BACKBONES.get("mobilenet-0.25"),
        image_size=64,
        num_classes=3,
        dropout=0.0,
        weights_path=weights_path,
    )


def answer(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Runs a model once, without compiling it."""
    return np.asarray(model(inputs, training=False))


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    return {weight.path: np.array(weight) for weight in model.weights}


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("densenet121", "conv4_block7_concat"),
        ("efficientnet-lite0", "blocks_10_add"),
        ("efficientnetb0", "block4a_project_bn"),
        ("efficientnetv2b0", "block5c_add"),
        ("mobilenet-0.25", "conv_pw_7_relu"),
        ("mobilenetv3small", "expanded_conv_5_add"),
        ("resnet50", "conv4_block2_out"),
        ("xception", "block14_sepconv1_act"),
    ],
)
def test_both_parts_of_a_cut_network_equal_the_whole(name: str, place: str) -> None:
    classifier = small(name)
    entry = BACKBONES.get(name)
    whole = answer(classifier, PIXELS)
    differences = np.ptp(whole, axis=0).max()  # random weights make small ones
    assert differences > 0
    for cut in (place, POOLED):
        activations = answer(model_before(classifier, entry, cut), PIXELS)
        again = answer(model_behind(classifier, cut), activations)
        np.testing.assert_allclose(again, whole, atol=1e-4 * differences, rtol=0)


@pytest.mark.parametrize(
    ("name", "places"),
    [  # inside a block, beside what goes past it; and a layer that is read again later
        ("efficientnet-lite0", ("blocks_9_add", "blocks_10_bn0_relu6")),
        ("mobilenet-0.25", ("conv_pw_7_relu", "conv_pw_5_relu")),
    ],
)
def test_a_cut_of_several_tensors_is_one_row(
    name: str, places: tuple[str, ...]
) -> None:
    classifier, entry = small(name), BACKBONES.get(name)
    whole = answer(classifier, PIXELS)
    before = model_before(classifier, entry, places)
    behind = model_behind(classifier, places)
    row = activation_shape(backbone_of(classifier), places)
    assert before.output.shape[1:] == behind.input.shape[1:] == row
    again = answer(behind, answer(before, PIXELS))
    np.testing.assert_allclose(again, whole, atol=1e-4 * np.ptp(whole), rtol=0)
    one = network_before(classifier, entry, places)
    other = network_before(classifier, entry, places[::-1])
    assert (one.cut, one.key == other.key) == (", ".join(places), False)


def test_tensors_that_do_not_part_the_network_are_refused() -> None:
    classifier, entry = small("efficientnet-lite0"), BACKBONES.get("efficientnet-lite0")
    places = ("blocks_10_bn0_relu6", "blocks_10_bn1_relu6")
    with pytest.raises(ConfigError, match="other layers carry information past them"):
        model_before(classifier, entry, places)
    with pytest.raises(ConfigError, match="cannot be cut after 'x'"):
        model_before(classifier, entry, ("blocks_9_add", "x"))


def test_pooled_activations_are_one_row_per_image(
    fitted_classifier: keras.Model,
) -> None:
    network = network_before(fitted_classifier, BACKBONES.get("mobilenet-0.25"), POOLED)
    assert (network.image_size, network.outputs) == (64, FEATURES)
    assert (network.backbone, network.cut) == ("mobilenet-0.25", POOLED)
    rows = network.build().predict_on_batch(PIXELS[:, :64, :64])
    assert rows.shape == (4, 256)
    assert rows.dtype == np.float32


@pytest.mark.parametrize("cut", ["conv_pw_7_relu", POOLED])
def test_the_part_behind_a_cut_shares_its_weights_with_the_classifier(
    cut: str, fitted_classifier: keras.Model, tmp_path: Path
) -> None:
    entry = BACKBONES.get("mobilenet-0.25")
    classifier = keras.models.clone_model(fitted_classifier)
    classifier.set_weights(fitted_classifier.get_weights())
    for layer in all_layers(classifier):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    pixels = PIXELS[:, :64, :64]
    front, rear = model_before(classifier, entry, cut), model_behind(classifier, cut)
    activations = front.predict_on_batch(pixels)
    old = weights_of(classifier)
    learning = {weight.path for weight in rear.trainable_weights}
    key = network_before(classifier, entry, cut).key
    rear.compile(keras.optimizers.SGD(0.1), loss="mse")
    rear.train_on_batch(activations, np.ones((4, 3), np.float32))
    new = weights_of(classifier)
    changed = {path for path in old if not np.array_equal(old[path], new[path])}
    assert changed == learning
    assert len(learning) == (2 if cut == POOLED else 14)
    np.testing.assert_array_equal(front.predict_on_batch(pixels), activations)
    assert network_before(classifier, entry, cut).key == key
    # It can be saved and cut again, as if it had never been.
    save_model(classifier, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    again = model_behind(loaded, cut).predict_on_batch(activations)
    np.testing.assert_allclose(
        again, classifier.predict_on_batch(pixels), rtol=1e-4, atol=1e-5
    )
    assert network_before(loaded, entry, cut).key == key


def test_the_key_depends_on_what_determines_the_activations(
    fitted_classifier: keras.Model,
) -> None:
    entry = BACKBONES.get("mobilenet-0.25")

    def key(cut: str, model: keras.Model = fitted_classifier) -> str:
        return network_before(model, entry, cut).key

    places = ["conv_pw_7", "conv_pw_7_bn", "conv_pw_7_relu", POOLED]
    assert len({key(cut) for cut in places}) == len(places)
    other = keras.models.clone_model(fitted_classifier)
    other.set_weights(fitted_classifier.get_weights())
    assert [key(cut, other) for cut in places] == [key(cut) for cut in places]
    weight = backbone_of(other).get_layer("conv_pw_8").kernel
    weight.assign(weight + 1e-3)
    same = [key(cut, other) == key(cut) for cut in places]
    assert same == [True, True, True, False]
    larger = small("mobilenet-0.25", image_size=96)
    larger.set_weights(fitted_classifier.get_weights())
    assert key(POOLED, larger) != key(POOLED)


def test_the_key_does_not_depend_on_numbered_names() -> None:
    # In models that were saved long ago, they began with any number.
    first, second = small("xception"), small("xception")
    second.set_weights(first.get_weights())
    for operation in backbone_of(second).operations:
        operation.name = re.sub(r"^add(_\d+)?$", "later_\\g<0>", operation.name)
    cuts = [boundaries(backbone_of(model))[12] for model in (first, second)]
    assert cuts == ["add_6", "later_add_6"]
    entry = BACKBONES.get("xception")
    keys = [
        network_before(model, entry, cut).key
        for model, cut in zip((first, second), cuts, strict=True)
    ]
    assert keys[0] == keys[1]


def test_a_cut_that_is_not_a_boundary_is_refused(
    fitted_classifier: keras.Model,
) -> None:
    with pytest.raises(ConfigError) as caught:
        model_behind(fitted_classifier, "conv_pw_7_rel")
    assert str(caught.value) == (
        "the network cannot be cut after 'conv_pw_7_rel'. Did you mean "
        "'conv_pw_7_relu'?"
    )


@pytest.mark.parametrize(
    ("name", "start", "cut"),
    [
        ("efficientnet-lite0", "blocks_11_expand_conv", "blocks_10_add"),
        # Expanded, activations are six times as many.
        ("efficientnet-lite0", "blocks_11_depthwise_conv", "blocks_10_add"),
        ("efficientnet-lite0", "blocks_10_depthwise_conv", "blocks_9_add"),
        ("mobilenet-0.25", "conv_dw_6", "conv_pw_5_relu"),  # not padded
        ("resnet50", "conv4_block3_2_conv", "conv4_block2_out"),
        ("vgg16", "block5_conv1", "block4_pool"),
        ("xception", "block13_sepconv1", "add_10"),
        ("xception", "block3_sepconv1", "add"),
        ("xception", "block1_conv1", None),
        ("mobilenet-0.25", "conv_pw_1", None),  # a tenth is not frozen
    ],
)
def test_the_cut_is_before_the_first_trained_layer(
    name: str, start: str, cut: str | None
) -> None:
    network = build_backbone(BACKBONES.get(name), image_size=96)
    position = [operation.name for operation in network.operations].index(start)
    assert deepest_cut(network, position) == cut


def test_multiply_adds_match_published_figures() -> None:
    # In https://arxiv.org/abs/1704.04861, 1905.11946 and 1512.03385.
    for name, published in (
        ("mobilenet-0.25", 41e6),
        ("efficientnetb0", 0.39e9),
        ("resnet50", 3.8e9),
    ):
        network = build_backbone(BACKBONES.get(name), image_size=224)
        assert sum(multiply_adds(network)) == pytest.approx(published, rel=0.02)
