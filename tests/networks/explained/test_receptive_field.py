"""What places of maps see is what published figures say."""

import pytest

from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.networks.explained.receptive_field import Field, receptive_field


@pytest.mark.parametrize(
    ("name", "layer", "side", "step"),
    [
        # Araujo et al., 2019, https://doi.org/10.23915/distill.00021, table 1; the
        # others follow from the kernels of their papers.
        ("mobilenet-0.25", "conv_pw_13_relu", 315, 32),
        ("alexnet-owt", "c7", 163, 16),
        ("lenet5", "c3_tanh", 14, 2),
        ("depth-pooling", "depth3", 18, 4),  # pooling over depth sees no more places
    ],
)
def test_fields_have_the_published_size(
    name: str, layer: str, side: int, step: int
) -> None:
    entry = BACKBONES.get(name)
    network = build_backbone(entry, image_size=entry.image_size)
    down, across = receptive_field(network, layer)
    assert down == across
    assert (down.last - down.first, down.step) == (side, step)


def test_fields_end_at_the_edges_of_the_view() -> None:
    field = Field(-4, 7, 8)
    assert field.at(0, 32) == (0, 7)
    assert field.at(2, 32) == (12, 23)
    assert field.at(3, 30) == (20, 30)
