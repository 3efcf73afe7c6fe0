"""VGG: small kernels, many of them, one after the other.

K. Simonyan, A. Zisserman: Very Deep Convolutional Networks for Large-Scale Image
Recognition, 2014, https://arxiv.org/abs/1409.1556, table 1. Five stages of 3x3
convolutions, each followed by maxima that halve the sides:

    stage          1        2        3        4       5
    maps           64       128      256      512     512
    size after it  112x112  56x56    28x28    14x14   7x7

    network        A (11 layers)  B (13)         C, D (16)      E (19)
    convolutions   1, 1, 2, 2, 2  2, 2, 2, 2, 2  2, 2, 3, 3, 3  2, 2, 4, 4, 4

In C, the third convolution of a stage is 1x1. The fully connected layers have 4,096,
4,096 and 1,000 units. BatchNormalization came after the paper; with it, the deep
networks learn from the start, which the authors reached by beginning with A's layers.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

MAPS = (64, 128, 256, 512, 512)


def VGG(
    convolutions: Sequence[int],
    *,
    third_is_1x1: bool = False,
    normalized: bool = False,
    include_top: bool = True,
    weights: None = None,
    input_shape: tuple[int, int, int] = (224, 224, 3),
) -> keras.Model:
    """Builds a network of the table with random weights.

    `convolutions` are the numbers of each stage; BatchNormalization follows each
    convolution if `normalized`.

    Returns:
        A model of float32 `(batch, 224, 224, 3)` around 0 to probabilities
        `(batch, 1000)`, or to maps `(batch, 7, 7, 512)` without the head.
    """
    inputs = x = keras.Input(input_shape)  # 224x224x3
    for stage, (count, maps) in enumerate(zip(convolutions, MAPS, strict=True), 1):
        for i in range(1, count + 1):
            size = 1 if third_is_1x1 and i == 3 else 3
            x = _convolution(x, maps, size, normalized, f"stage{stage}_conv{i}")
        # 112x112x64, 56x56x128, 28x28x256, 14x14x512, 7x7x512
        x = layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)
    if include_top:
        x = layers.Flatten(name="flatten")(x)  # 25,088
        for name in ("fc1", "fc2"):
            x = layers.Dense(4096, activation="relu", name=name)(x)  # 4,096
            x = layers.Dropout(0.5, name=f"{name}_dropout")(x)
        x = layers.Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="vgg")


def _convolution(x: Any, maps: int, size: int, normalized: bool, name: str) -> Any:
    x = layers.Conv2D(
        maps, size, padding="same", kernel_initializer="he_normal", name=name
    )(x)
    if normalized:
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
