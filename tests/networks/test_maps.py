"""Which maps of a backbone heads read."""

import keras
import pytest
from keras import layers

from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.errors import ConfigError
from cnnxfer.networks.maps import maps_of, with_maps


def places(name: str) -> dict[int, str]:
    """Returns the layer that each map comes from."""
    entry = BACKBONES.get(name)
    backbone = build_backbone(entry, image_size=entry.image_size)
    layer_of = {operation.output: operation.name for operation in backbone.operations}
    return {stride: layer_of[map] for stride, map in maps_of(backbone).items()}


def test_maps_end_where_blocks_do_and_not_in_the_middle_of_the_next() -> None:
    found = places("efficientnet-lite0")
    assert [found[stride] for stride in (4, 8, 16, 32)] == [
        *("blocks_2_add", "blocks_4_add", "blocks_10_add", "blocks_15_bn2")
    ]
    assert places("vgg11")[8] == "stage4_conv2_relu"


def test_padding_is_no_map_and_sides_need_not_divide() -> None:
    """Unpadded convolutions leave 37 places of 299 pixels at stride 8."""
    pixels = keras.Input((299, 299, 3))
    x = layers.Conv2D(8, 3, 2, name="two")(pixels)
    x = layers.Conv2D(8, 3, 2, name="four")(x)
    x = layers.Conv2D(8, 3, 2, "same", name="eight")(layers.ZeroPadding2D()(x))
    backbone = keras.Model(pixels, x, name="small")
    assert {stride: map.shape[1] for stride, map in maps_of(backbone).items()} == {
        **{2: 149, 4: 74, 8: 38}
    }
    assert [map.shape[1] for map in with_maps(backbone, (4, 8)).outputs] == [74, 38]
    with pytest.raises(ConfigError) as caught:
        with_maps(backbone, (8, 16, 32))
    assert str(caught.value) == (
        "small has no map with 1 in 16 and 1 in 32 pixels along each side, which this "
        "head reads. It has: 1 in 2, 1 in 4 and 1 in 8. Use a larger image_size, or "
        "another backbone."
    )
