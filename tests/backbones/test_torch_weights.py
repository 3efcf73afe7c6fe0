"""A small network takes the weights of a file as PyTorch would write it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from torch_files import write_weights

from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.torch_weights import load_torch_weights
from cnnxfer.errors import DataError

BACKBONE = replace(
    BACKBONES.get("efficientnet-lite0"), torch_names=f"{__name__}:names_of_small"
)
RANDOM = np.random.default_rng(0)
SHAPES = {
    "features.0.weight": (4, 3, 3, 3),  # (out, in, height, width)
    "features.0.bias": (4,),
    "features.1.weight": (4,),
    "features.1.bias": (4,),
    "features.1.running_mean": (4,),
    "features.1.running_var": (4,),
    "features.2.weight": (4, 1, 2, 3),  # a depthwise convolution
    "classifier.0.weight": (5, 4 * 3 * 2),  # maps of 4 channels, 3x2
    "classifier.0.bias": (5,),
    "classifier.1.weight": (2, 5),
    "classifier.1.bias": (2,),
}
TENSORS = {
    name: RANDOM.uniform(0.5, 1.5, shape).astype("float32")
    for name, shape in SHAPES.items()
}
COUNTER = {"features.1.num_batches_tracked": np.array(7, "int64")}


def names_of_small(_layers: Sequence[str]) -> dict[str, str]:
    return {
        "conv": "features.0",
        "bn": "features.1",
        "depthwise": "features.2",
        "fc1": "classifier.0",
        "fc2": "classifier.1",
        "training": "aux",
    }


def small(*, include_top: bool = True) -> keras.Model:
    inputs = x = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(x)  # 4x4x4
    x = keras.layers.BatchNormalization(epsilon=1e-5, name="bn")(x)
    x = keras.layers.DepthwiseConv2D((2, 3), use_bias=False, name="depthwise")(x)  # 3x2
    if include_top:
        x = keras.layers.Flatten()(x)
        x = keras.layers.Dense(5, name="fc1")(x)
        x = keras.layers.Dense(2, name="fc2")(x)
    return keras.Model(inputs, x)


def convolved(maps: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolves (channels, height, width) by (out, in, height, width)."""
    windows = np.lib.stride_tricks.sliding_window_view(maps, kernel.shape[2:], (1, 2))
    return np.einsum("cyxhw,ochw->oyx", windows, kernel)


def answer(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What PyTorch's network makes of (channels, height, width): maps and logits."""
    bn = {
        name.rpartition(".")[2]: values[:, None, None]
        for name, values in TENSORS.items()
        if name.startswith("features.1.")
    }
    x = convolved(picture, TENSORS["features.0.weight"])
    x = x + TENSORS["features.0.bias"][:, None, None]
    x = (x - bn["running_mean"]) / np.sqrt(bn["running_var"] + 1e-5)
    x = x * bn["weight"] + bn["bias"]
    kernels = TENSORS["features.2.weight"]
    maps = np.concatenate(
        [convolved(x[i : i + 1], kernels[i : i + 1]) for i in range(4)]
    )
    x = TENSORS["classifier.0.weight"] @ maps.ravel() + TENSORS["classifier.0.bias"]
    return maps, TENSORS["classifier.1.weight"] @ x + TENSORS["classifier.1.bias"]


@pytest.mark.parametrize("include_top", [True, False])
def test_a_network_answers_as_the_file_s_own(tmp_path: Path, include_top: bool) -> None:
    auxiliary = {"aux.conv.weight": np.zeros((2, 2, 1, 1), "float32")}
    path = write_weights(tmp_path / "x.pth", TENSORS | COUNTER | auxiliary)
    network = small(include_top=include_top)
    load_torch_weights(network, BACKBONE, path)
    picture = RANDOM.normal(size=(6, 6, 3)).astype("float32")
    maps, logits = answer(picture.transpose(2, 0, 1))
    expected = logits if include_top else maps.transpose(1, 2, 0)
    found = np.asarray(network(picture[None]))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"features.0.bias": None},
            r"it has no 'features.0.bias', expected one of shape \(4,\)",
        ),
        (
            {"features.0.weight": np.zeros((4, 3, 5, 5), "float32")},
            r"'features.0.weight' has shape \(4, 3, 5, 5\), expected \(4, 3, 3, 3\)",
        ),
        (
            {"classifier.0.weight": np.zeros((24, 5), "float32")},
            r"'classifier.0.weight' has shape \(24, 5\), expected \(5, 24\)",
        ),
        (
            {"features.2.bias": np.zeros(4, "float32")},
            r"its 'features.2.bias' and 0 more have no layer",
        ),
        (
            {"\x1b[2J": np.zeros(4, "float32"), "y" * 999: np.zeros(4, "float32")},
            r"its '\\x1b\[2J' and 1 more have no layer",
        ),
    ],
    ids=["missing", "kernel", "transposed", "bias", "unknown"],
)
def test_tensors_of_another_network_are_refused(
    tmp_path: Path, changes: dict[str, np.ndarray | None], reason: str
) -> None:
    tensors = {
        name: value for name, value in (TENSORS | changes).items() if value is not None
    }
    path = write_weights(tmp_path / "x.pth", tensors)
    with pytest.raises(ValueError, match=reason):
        load_torch_weights(small(), BACKBONE, path)


def test_a_file_of_another_network_is_one_line(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "x.pth", TENSORS)
    with pytest.raises(DataError) as caught:
        build_backbone(BACKBONES.get("vgg11"), image_size=32, weights_path=path)
    assert str(caught.value) == (
        f"{path} does not hold the weights of vgg11: its 'features.0.weight' has shape "
        "(4, 3, 3, 3), expected (64, 3, 3, 3). Expected a .h5 or .weights.h5 file of "
        "these 8 layers, saved by Keras, or a .pth file of them, saved by PyTorch."
    )
    with pytest.raises(DataError, match="it is a file of PyTorch"):
        build_backbone(BACKBONES.get("vgg16"), image_size=32, weights_path=path)
