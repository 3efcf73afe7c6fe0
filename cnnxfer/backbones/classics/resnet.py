"""ResNet: layers that learn what to add to their input, and SE-ResNet.

K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition, 2015,
https://arxiv.org/abs/1512.03385, table 1:

    stage    size     18 layers     34 layers     50 layers
    conv1    112x112  7x7, 64 maps, step 2
    pool     56x56    3x3 maxima, step 2
    stage 1  56x56    2 units, 64   3 units, 64   3 units, 64, 64, 256
    stage 2  28x28    2 units, 128  4 units, 128  4 units, 128, 128, 512
    stage 3  14x14    2 units, 256  6 units, 256  6 units, 256, 256, 1,024
    stage 4  7x7      2 units, 512  3 units, 512  3 units, 512, 512, 2,048
    head     1x1      averages, 1,000 classes

A unit is two 3x3 convolutions; of 50 layers on, it is 1x1, 3x3 and 1x1 (a bottleneck).
Where the size or the number of maps changes, a 1x1 convolution brings the input along
(a projection). The step of 2 is that of the first 3x3 convolution. With `excited`,
each unit weighs its maps before they are added (SENet, see `squeeze_excitation`).
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from cnnxfer.backbones.classics.layers import PaddedShortcut
from cnnxfer.backbones.classics.squeeze_excitation import squeeze_and_excite


def ResNet(
    units: Sequence[int],
    *,
    bottleneck: bool = False,
    excited: bool = False,
    include_top: bool = True,
    weights: None = None,
    input_shape: tuple[int, int, int] = (224, 224, 3),
) -> keras.Model:
    """Builds a network of the table with random weights.

    `units` are the numbers of each stage.

    Returns:
        A model of float32 `(batch, 224, 224, 3)` around 0 to probabilities
        `(batch, 1000)`, or to maps `(batch, 7, 7, 512)` without the head, 2,048 of
        bottlenecks.
    """
    inputs = x = keras.Input(input_shape)  # 224x224x3
    x = convolution(x, 64, 7, step=2, name="conv1")  # 112x112x64
    x = layers.ReLU(name="conv1_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool_pad")(x)
    x = layers.MaxPooling2D(3, 2, name="pool")(x)  # 56x56x64
    stages = zip(units, (64, 128, 256, 512), strict=True)
    for stage, (count, maps) in enumerate(stages, 1):
        # 56x56x64, 28x28x128, 14x14x256, 7x7x512; of bottlenecks, four times the maps
        for i in range(1, count + 1):
            step = 2 if stage > 1 and i == 1 else 1
            name = f"stage{stage}_unit{i}"
            x = residual_unit(
                x, maps, step, name, bottleneck=bottleneck, excited=excited
            )
    if include_top:
        x = layers.GlobalAveragePooling2D(name="average")(x)  # 512 or 2,048
        x = layers.Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="resnet")


def residual_unit(
    x: Any,
    maps: int,
    step: int,
    name: str,
    *,
    bottleneck: bool = False,
    excited: bool = False,
    projected: bool = True,
) -> Any:
    """Adds to the input what two convolutions, or those of a bottleneck, make of it.

    Where the shape changes, the input is projected, or else padded with zeros.

    Returns:
        A tensor `(batch, height / step, width / step, channels)` of `maps` channels, or
        of 4 times as many behind a bottleneck.
    """
    shortcut = x
    convolutions = [(maps, 3, step), (maps, 3, 1)]
    if bottleneck:
        convolutions = [(maps, 1, 1), (maps, 3, step), (4 * maps, 1, 1)]
    for i, (filters, size, each_step) in enumerate(convolutions, 1):
        x = convolution(x, filters, size, step=each_step, name=f"{name}_conv{i}")
        if i < len(convolutions):
            x = layers.ReLU(name=f"{name}_relu{i}")(x)
    if excited:
        x = squeeze_and_excite(x, f"{name}_se")
    if shortcut.shape != x.shape:
        filters = x.shape[-1]
        if projected:
            shortcut = convolution(
                shortcut, filters, 1, step=step, name=f"{name}_projection"
            )
        else:
            shortcut = PaddedShortcut(filters, step, name=f"{name}_padded")(shortcut)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_relu")(x)


def convolution(x: Any, maps: int, size: int, *, step: int, name: str) -> Any:
    """A convolution and its BatchNormalization.

    A step of 2 has as many zeros before the picture as after it, which "same" has not.
    """
    if step == 2 and size > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        maps,
        size,
        step,
        padding="same" if step == 1 else "valid",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
