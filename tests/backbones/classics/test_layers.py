"""The layers of the classic networks compute what their papers say."""

import keras
import numpy as np
import pytest

from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.classics.layers import (
    DepthwiseMaxPooling,
    LocalResponseNormalization,
    PaddedShortcut,
    PartialConvolution,
    ScaledTanh,
)
from cnnxfer.backbones.classics.lenet5 import C3_SOURCES

MAPS = np.random.default_rng(0).normal(size=(2, 7, 6, 6)).astype("float32")


def test_local_responses_are_normalized_by_their_neighbours_in_depth() -> None:
    found = LocalResponseNormalization(depth=3, bias=2, alpha=0.1, beta=0.75)(MAPS)
    for i in range(6):
        near = MAPS[..., max(i - 1, 0) : i + 2]
        size = (2 + 0.1 * np.square(near).sum(-1)) ** 0.75
        np.testing.assert_allclose(found[..., i], MAPS[..., i] / size, rtol=1e-5)


def test_depthwise_pooling_keeps_the_largest_of_maps_in_a_row() -> None:
    found = DepthwiseMaxPooling(2)(MAPS)
    expected = np.stack([MAPS[..., i : i + 2].max(-1) for i in (0, 2, 4)], -1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "layer",
    [
        DepthwiseMaxPooling(2),
        LocalResponseNormalization(),
        PaddedShortcut(8, 2),
        PartialConvolution(5, C3_SOURCES),
        ScaledTanh(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_pictures_may_have_any_size(layer: keras.layers.Layer) -> None:
    """As `predict --dense` needs it."""
    pixels = keras.Input((None, None, 6))
    network = keras.Model(pixels, layer(pixels))
    expected = np.asarray(layer(MAPS))
    np.testing.assert_array_equal(network(MAPS), expected)
    assert network.output_shape == (None, None, None, expected.shape[-1])


def test_a_padded_shortcut_has_every_second_place_and_zeros() -> None:
    found = np.asarray(PaddedShortcut(8, 2)(MAPS))
    np.testing.assert_array_equal(found[..., :6], MAPS[:, ::2, ::2])
    assert found.shape == (2, 4, 3, 8)
    assert not found[..., 6:].any()


def test_each_map_of_c3_reads_its_own_maps_alone() -> None:
    layer = PartialConvolution(5, C3_SOURCES)
    before = np.asarray(layer(MAPS))
    assert layer.count_params() == 1_516  # as the paper has it
    for changed in range(6):
        maps = MAPS.copy()
        maps[..., changed] += 1
        differs = np.abs(np.asarray(layer(maps)) - before).max((0, 1, 2)) > 0
        assert list(differs) == [changed in sources for sources in C3_SOURCES]


def test_c3_is_a_convolution_with_zeros_between_maps_that_do_not_meet() -> None:
    layer = PartialConvolution(5, C3_SOURCES)
    found = layer(MAPS)
    kernel = np.zeros((5, 5, 6, 16), "float32")
    pairs = [(source, i) for i, each in enumerate(C3_SOURCES) for source in each]
    for number, pair in enumerate(pairs):
        kernel[(..., *pair)] = np.asarray(layer.kernels)[..., number]
    expected = keras.ops.conv(MAPS, kernel)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert tuple(found.shape) == layer.compute_output_shape(MAPS.shape) == (2, 3, 2, 16)


def test_c3_reads_as_many_maps_as_table_1_of_the_paper() -> None:
    assert [len(sources) for sources in C3_SOURCES] == [3] * 6 + [4] * 9 + [6]
    assert len(set(map(frozenset, C3_SOURCES))) == 16


def test_squashing_keeps_one_as_it_is() -> None:
    found = np.asarray(ScaledTanh()(np.float32([[-1, 0, 1]])))
    assert found == pytest.approx(np.float32([[-1, 0, 1]]), abs=1e-3)


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "depth-pooling", "se-resnet20"])
def test_openvino_computes_what_keras_does(name: str) -> None:
    openvino = pytest.importorskip("openvino")
    entry = BACKBONES.get(name)
    network = build_backbone(entry, image_size=entry.min_size)
    shape = (2, *network.input_shape[1:])
    pixels = np.random.default_rng(0).normal(size=shape).astype("float32")
    converted = openvino.convert_model(network, input=shape)
    compiled = openvino.compile_model(
        converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    found = next(iter(compiled(pixels).values()))
    np.testing.assert_allclose(found, network(pixels), atol=1e-4)
    assert np.ptp(found) > 0
