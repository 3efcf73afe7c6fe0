"""Classifiers over whole pictures: where they must agree with the plain ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.engines.engine import Outputs
from cnnxfer.errors import RunError
from cnnxfer.networks.classifier import build_classifier, build_imagenet_classifier
from cnnxfer.networks.fully_convolutional import cell_model, dense_model
from cnnxfer.networks.saving import load_model, save_model
from cnnxfer.tasks.catalog import TASKS

ONE, SEVERAL = TASKS.get("classification"), TASKS.get("multi-label")
PROBABILITIES = Outputs(ONE, activated=True)

# One of each kind of head and of body.
NAMES = (
    "mobilenet-0.25",  # a convolution behind the pooling
    "mobilenetv2-0.35",
    "mobilenetv3small",  # two, and what is no layer between them
    "efficientnet-lite0",
    "efficientnetb0",  # poolings inside
    "efficientnetv2b0",
    "convnexttiny",  # normalization behind the pooling; models inside the model
    "resnet50",
    "resnet50v2",
    "densenet121",
    "inceptionv3",  # no padding
    "inceptionresnetv2",
    "xception",
    "nasnetmobile",
    "vgg16",  # Flatten
)
# Fewer blocks of the same kinds: the time goes into building them.
FEWER_BLOCKS = {
    "convnexttiny": {
        "builder": "keras.src.applications.convnext:ConvNeXt",
        "arguments": {"depths": [1, 1, 1, 1], "projection_dims": [96, 192, 384, 768]},
    },
    "nasnetmobile": {
        "builder": "keras.src.applications.nasnet:NASNet",
        "arguments": {
            "penultimate_filters": 1056,
            "num_blocks": 1,
            "stem_block_filters": 32,
            "skip_reduction": False,
        },
    },
}


def soft_noise(side: int, width: int | None = None, count: int = 4) -> np.ndarray:
    """Returns images of soft blobs, uint8 `(count, side, width, 3)`."""
    coarse = np.random.default_rng(1).integers(0, 256, (count, 5, 5, 3), np.uint8)
    size = (width or side, side)
    return np.stack([Image.fromarray(few).resize(size) for few in coarse])


def with_varied_outputs(
    model: keras.Model, pixels: np.ndarray, outputs: str
) -> keras.Model:
    """Makes random weights answer differently to different images."""
    layers = list(model._flatten_layers())
    for layer in layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(pixels.astype("float32"), training=True)
    dense = (keras.layers.Dense, keras.layers.Conv2D)
    last = [layer for layer in layers if isinstance(layer, dense)][-1]
    answers = answer(model, pixels)
    if outputs == PROBABILITIES:
        answers = np.log(answers)
    kernel, *bias = last.get_weights()
    last.set_weights([kernel * 3 / np.ptp(answers, axis=0).max(), *bias])
    return model


def answer(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(pixels.astype("float32"), training=False))


def native_size(entry: Backbone) -> int:
    return max(64, entry.min_size)


@pytest.mark.parametrize("name", NAMES)
def test_dense_outputs_at_the_native_size_match_the_plain_network(name):
    keras.utils.set_random_seed(2)  # of random weights, some answer alike to all
    entry = replace(BACKBONES.get(name), **FEWER_BLOCKS.get(name, {}))
    size = native_size(entry)
    pixels = soft_noise(size)
    plain = build_imagenet_classifier(replace(entry, image_size=size), None)
    plain = with_varied_outputs(plain, pixels, PROBABILITIES)
    expected = answer(plain, pixels)
    assert np.ptp(expected, axis=0).max() > 1e-4  # else all would be equal to all
    np.testing.assert_allclose(
        answer(dense_model(plain, PROBABILITIES), pixels), expected, atol=1e-5
    )
    cells = cell_model(plain, PROBABILITIES)
    native = answer(cells, pixels).shape[1:3]
    larger = answer(cells, soft_noise(size + 64, size + 32, count=1))
    assert larger.shape[1:] == (native[0] + 2, native[1] + 1, 1000)
    np.testing.assert_allclose(larger.sum(axis=-1), 1, atol=1e-4)


@pytest.mark.parametrize("head", ["linear", "mlp", "euclidean"])
def test_dense_outputs_of_trained_heads_match_the_plain_network(head, tmp_path: Path):
    plain = build_classifier(
        BACKBONES.get("mobilenet-0.25"),
        image_size=64,
        num_classes=5,
        dropout=0.5,
        head=head,
    )
    pixels = soft_noise(64)
    save_model(
        with_varied_outputs(plain, pixels, Outputs(ONE)), tmp_path / "model.keras"
    )
    plain = load_model(tmp_path / "model.keras")
    expected = ONE.probabilities(answer(plain, pixels))
    assert np.ptp(expected, axis=0).max() > 0.01
    dense = dense_model(plain, Outputs(ONE))
    np.testing.assert_allclose(answer(dense, pixels), expected, atol=1e-5)
    assert answer(dense, soft_noise(96, 160)).shape == (4, 5)
    several = dense_model(plain, Outputs(SEVERAL))
    expected = SEVERAL.probabilities(answer(plain, pixels))
    np.testing.assert_allclose(answer(several, pixels), expected, atol=1e-5)


def patch_network(head: Callable[[], list[keras.layers.Layer]]) -> keras.Model:
    """Builds a network on squares of 32 pixels without overlap or padding."""
    keras.utils.set_random_seed(2)
    x = pixels = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(8, 32, strides=32, activation="relu")(x)
    for layer in head():
        x = layer(x)
    return keras.Model(pixels, x)


def pooling_head() -> list[keras.layers.Layer]:
    return [
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(6, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ]


def flatten_head() -> list[keras.layers.Layer]:
    return [
        keras.layers.Flatten(),
        keras.layers.Dense(6, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ]


@pytest.mark.parametrize("head", [pooling_head, flatten_head])
def test_dense_outputs_are_the_mean_over_all_positions(head):
    plain = patch_network(head)
    pixels = soft_noise(96, 160, count=2)
    places = [(top, left) for top in (0, 32) for left in (0, 32, 64, 96)]
    answers = [
        answer(plain, pixels[:, top : top + 64, left : left + 64])
        for top, left in places
    ]
    assert np.ptp(answers, axis=0).max() > 0.01
    found = answer(dense_model(plain, PROBABILITIES), pixels)
    np.testing.assert_allclose(found, np.mean(answers, axis=0), atol=1e-5)


def test_a_cell_output_depends_on_its_patch_only():
    plain = patch_network(pooling_head)
    pixels = soft_noise(96, 160, count=2)
    cells = answer(cell_model(plain, PROBABILITIES), pixels)
    assert cells.shape == (2, 3, 5, 3)
    assert np.ptp(cells, axis=(1, 2)).max() > 0.01
    for row, column in np.ndindex(3, 5):
        patch = pixels[:, 32 * row :, 32 * column :][:, :32, :32]
        alone = answer(plain, np.tile(patch, (1, 2, 2, 1)))
        np.testing.assert_allclose(cells[:, row, column], alone, atol=1e-5)


def test_with_flatten_a_cell_output_is_the_mean_of_its_windows():
    plain = patch_network(flatten_head)
    pixels = soft_noise(96, 160, count=2)
    cells = answer(cell_model(plain, PROBABILITIES), pixels)
    assert cells.shape == (2, 3, 5, 3)
    windows = np.array(
        [
            [
                answer(plain, pixels[:, 32 * i :, 32 * j :][:, :64, :64])
                for j in range(4)
            ]
            for i in range(2)
        ]
    )  # (rows, columns, pictures, classes)
    for row, column in np.ndindex(3, 5):
        seen = windows[max(0, row - 1) : row + 1, max(0, column - 1) : column + 1]
        np.testing.assert_allclose(
            cells[:, row, column], seen.mean(axis=(0, 1)), atol=1e-5
        )


def test_deriving_a_dense_model_does_not_change_the_classifier():
    plain = patch_network(pooling_head)
    pixels = soft_noise(64)
    before = answer(plain, pixels)
    for _ in range(2):
        dense = dense_model(plain, PROBABILITIES)
        np.testing.assert_allclose(answer(dense, pixels), before, atol=1e-5)
    np.testing.assert_array_equal(answer(plain, pixels), before)


def test_a_network_with_another_kind_of_head_is_refused():
    pixels = keras.Input((32, 32, 3))
    plain = keras.Model(pixels, keras.layers.GlobalMaxPooling2D()(pixels))
    with pytest.raises(RunError, match="dense needs a network whose head begins"):
        dense_model(plain, Outputs(ONE))
