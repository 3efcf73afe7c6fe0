"""ResNet for pictures of 32 pixels, as those of CIFAR-10, and its SE-ResNet.

K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition, 2015,
https://arxiv.org/abs/1512.03385, section 4.2. Of n units a stage, 6n + 2 layers:

    stage    size   20 layers
    conv1    32x32  3x3, 16 maps
    stage 1  32x32  3 units, 16
    stage 2  16x16  3 units, 32
    stage 3  8x8    3 units, 64
    head     1x1    averages, 10 classes

So small a picture is not halved before the first stage. Unlike in the large networks,
what is added to new maps has no weights (the paper's option A): the old maps at every
second place, and zeros. `excited` is as in `resnet`.
"""

import keras
from keras import layers

from cnnxfer.backbones.classics.resnet import convolution, residual_unit

CLASSES = 10


def SmallResNet(
    units: int,
    *,
    excited: bool = False,
    include_top: bool = True,
    weights: None = None,
    input_shape: tuple[int, int, int] = (32, 32, 3),
) -> keras.Model:
    """Builds a network of `units` units a stage with random weights.

    Returns:
        A model of float32 `(batch, 32, 32, 3)` around 0 to probabilities
        `(batch, 10)`, or to maps `(batch, 8, 8, 64)` without the head.
    """
    inputs = x = keras.Input(input_shape)  # 32x32x3
    x = convolution(x, 16, 3, step=1, name="conv1")  # 32x32x16
    x = layers.ReLU(name="conv1_relu")(x)
    for stage, maps in enumerate((16, 32, 64), 1):  # 32x32x16, 16x16x32, 8x8x64
        for i in range(1, units + 1):
            step = 2 if stage > 1 and i == 1 else 1
            name = f"stage{stage}_unit{i}"
            x = residual_unit(x, maps, step, name, excited=excited, projected=False)
    if include_top:
        x = layers.GlobalAveragePooling2D(name="average")(x)  # 64
        x = layers.Dense(CLASSES, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="small-resnet")
