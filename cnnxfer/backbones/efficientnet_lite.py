"""EfficientNet-Lite, near ResNet50's ImageNet accuracy at a twentieth of its work.

It is EfficientNet (Tan and Le, 2019, https://arxiv.org/abs/1905.11946) without the
parts that are slow on small processors: it has no squeeze-and-excitation, and ReLU6 in
place of swish
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).
"""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras


class _Stage(NamedTuple):
    kernel_size: int
    blocks: int
    expansion: int
    filters: int
    stride: int


# Lite0's; the others have more blocks in all stages but the first and the last, and
# more filters in all stages.
STAGES = (
    _Stage(3, 1, 1, 16, 1),
    _Stage(3, 2, 6, 24, 2),
    _Stage(5, 2, 6, 40, 2),
    _Stage(3, 3, 6, 80, 2),
    _Stage(5, 3, 6, 112, 1),
    _Stage(5, 4, 6, 192, 2),
    _Stage(3, 1, 6, 320, 1),
)


def EfficientNetLite(
    *,
    width: float = 1.0,
    depth: float = 1.0,
    include_top: bool = True,
    weights: None = None,
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classifier_activation: str | None = "softmax",
) -> keras.Model:
    """Builds the network with random weights.

    The arguments not told here are those of `keras.applications` that cnnxfer uses;
    without a `classifier_activation`, the head returns logits. The stages have about
    `width` times the filters of Lite0, stem and head the same; the stages between the
    first and the last have `depth` times its blocks, rounded up.

    Returns:
        A model of float32 `(batch, height, width, 3)`, pixels as (x - 127) / 128, to
        `(batch, 1000)` with the head, or to features
        `(batch, height / 32, width / 32, 1280)` without.
    """
    inputs = keras.Input(input_shape)
    x = _convolution(inputs, 32, 3, 2, name="conv_stem")
    x = _normalization(x, "bn0", activation=True)
    index = 0
    for stage in _scaled_stages(width, depth):
        for repeat in range(stage.blocks):
            stride = stage.stride if repeat == 0 else 1
            x = _block(x, stage, stride, name=f"blocks_{index}")
            index += 1
    x = _convolution(x, 1280, 1, 1, name="conv_head")
    x = _normalization(x, "bn1", activation=True)
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = keras.layers.Dense(1000, activation=classifier_activation, name="fc")(x)
    return keras.Model(inputs, x, name="efficientnet-lite")


def _scaled_stages(width: float, depth: float) -> list[_Stage]:
    first, *middle, last = (
        stage._replace(filters=_scaled_filters(stage.filters, width))
        for stage in STAGES
    )
    middle = [
        stage._replace(blocks=math.ceil(stage.blocks * depth)) for stage in middle
    ]
    return [first, *middle, last]


def _scaled_filters(filters: int, width: float) -> int:
    """Returns the multiple of 8 nearest to `width` times the filters.

    EfficientNet adds 8 where that takes away more than a tenth; no stage of Lite does.
    """
    return int(filters * width + 4) // 8 * 8


def _block(x: Any, stage: _Stage, stride: int, name: str) -> Any:
    shortcut = x
    filters_in = x.shape[-1]
    if stage.expansion > 1:
        x = _convolution(x, filters_in * stage.expansion, 1, 1, f"{name}_expand_conv")
        x = _normalization(x, f"{name}_bn0", activation=True)
    x = keras.layers.DepthwiseConv2D(
        stage.kernel_size,
        stride,
        padding="same",
        use_bias=False,
        name=f"{name}_depthwise_conv",
    )(x)
    x = _normalization(x, f"{name}_bn1", activation=True)
    x = _convolution(x, stage.filters, 1, 1, f"{name}_project_conv")
    x = _normalization(x, f"{name}_bn2", activation=False)
    if stride == 1 and filters_in == stage.filters:
        x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def _convolution(x: Any, filters: int, size: int, stride: int, name: str) -> Any:
    return keras.layers.Conv2D(
        filters, size, stride, padding="same", use_bias=False, name=name
    )(x)


def _normalization(x: Any, name: str, *, activation: bool) -> Any:
    x = keras.layers.BatchNormalization(epsilon=1e-3, name=name)(x)
    if activation:
        x = keras.layers.ReLU(max_value=6.0, name=f"{name}_relu6")(x)
    return x


def torch_names(layers: Sequence[str]) -> dict[str, str]:
    """Returns how the checkpoints call the layers: "blocks_3_bn1" is _blocks.3._bn1."""
    return {
        name: "_" + re.sub(r"^blocks_(\d+)_", r"blocks.\1._", name)
        for name in (*layers, "fc")
    }
