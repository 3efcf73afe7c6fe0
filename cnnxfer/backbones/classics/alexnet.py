"""AlexNet, which won ImageNet's competition of 2012 and began what followed.

A. Krizhevsky, I. Sutskever, G. Hinton: ImageNet Classification with Deep Convolutional
Neural Networks, 2012,
https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks:

    layer  kind                              maps  size     kernel  step
    input  picture                              3  227x227
    C1     convolution, normalized             96  55x55    11x11   4
    S2     maxima that overlap                 96  27x27    3x3     2
    C3     convolution, normalized            256  27x27    5x5     1
    S4     maxima that overlap                256  13x13    3x3     2
    C5     convolution                        384  13x13    3x3     1
    C6     convolution                        384  13x13    3x3     1
    C7     convolution                        256  13x13    3x3     1
    S8     maxima that overlap                256  6x6      3x3     2
    F9     fully connected, half dropped    4,096
    F10    fully connected, half dropped    4,096
    output fully connected                  1,000

It was trained on two GPUs that met in C5 and from F9 on: C3, C6 and C7 read the half of
the maps that was on their own GPU. With `columns=2` the network is that one, of
60,965,224 parameters; with `columns=1`, each map reads all before it, as networks that
are drawn from the table do. First weights are those of the paper: normal, with a
deviation of 0.01, and biases of 1 where that keeps units from being silent.

A. Krizhevsky: One weird trick for parallelizing convolutional neural networks, 2014,
https://arxiv.org/abs/1404.5997, has a network of one column, which many call AlexNet:
without normalization, of 64, 192, 384, 256 and 256 maps (so in torchvision, of which it
takes the weights).
"""

from typing import Any

import keras
from keras import layers

from cnnxfer.backbones.classics.layers import LocalResponseNormalization


def AlexNet(
    *,
    columns: int = 2,
    include_top: bool = True,
    weights: None = None,
    input_shape: tuple[int, int, int] = (227, 227, 3),
) -> keras.Model:
    """Builds AlexNet with random weights, of two columns or of one.

    Returns:
        A model of float32 `(batch, 227, 227, 3)` around 0 to probabilities
        `(batch, 1000)`, or to maps `(batch, 6, 6, 256)` without the head.
    """
    inputs = x = keras.Input(input_shape)  # 227x227x3
    x = _convolution(x, 96, 11, step=4, name="c1")  # 55x55x96
    x = LocalResponseNormalization(name="c1_normalized")(x)
    x = layers.MaxPooling2D(3, 2, name="s2")(x)  # 27x27x96
    x = _in_columns(x, 256, 5, columns, bias=1, name="c3")  # 27x27x256
    x = LocalResponseNormalization(name="c3_normalized")(x)
    x = layers.MaxPooling2D(3, 2, name="s4")(x)  # 13x13x256
    x = _convolution(x, 384, 3, name="c5")  # 13x13x384
    x = _in_columns(x, 384, 3, columns, bias=1, name="c6")  # 13x13x384
    x = _in_columns(x, 256, 3, columns, bias=1, name="c7")  # 13x13x256
    x = layers.MaxPooling2D(3, 2, name="s8")(x)  # 6x6x256
    if include_top:
        x = _head(x)
    return keras.Model(inputs, x, name="alexnet")


def AlexNetOWT(
    *,
    include_top: bool = True,
    weights: None = None,
    input_shape: tuple[int, int, int] = (224, 224, 3),
) -> keras.Model:
    """Builds the network of one column of 2014 with random weights.

    Returns:
        A model of float32 `(batch, 224, 224, 3)` around 0 to probabilities
        `(batch, 1000)`, or to maps `(batch, 6, 6, 256)` without the head.
    """
    inputs = x = keras.Input(input_shape)  # 224x224x3
    x = layers.ZeroPadding2D(2, name="c1_pad")(x)  # 228x228x3
    x = _convolution(x, 64, 11, step=4, name="c1")  # 55x55x64
    x = layers.MaxPooling2D(3, 2, name="s2")(x)  # 27x27x64
    x = _convolution(x, 192, 5, name="c3")  # 27x27x192
    x = layers.MaxPooling2D(3, 2, name="s4")(x)  # 13x13x192
    x = _convolution(x, 384, 3, name="c5")  # 13x13x384
    x = _convolution(x, 256, 3, name="c6")  # 13x13x256
    x = _convolution(x, 256, 3, name="c7")  # 13x13x256
    x = layers.MaxPooling2D(3, 2, name="s8")(x)  # 6x6x256
    if include_top:
        x = _head(x)
    return keras.Model(inputs, x, name="alexnet-owt")


def _head(x: Any) -> Any:
    """The fully connected layers, from maps to the probabilities of 1,000 classes."""
    x = layers.Flatten(name="flatten")(x)  # 9,216
    for name in ("f9", "f10"):
        x = _dense(x, 4096, "relu", bias=1, name=name)
        x = layers.Dropout(0.5, name=f"{name}_dropout")(x)
    return _dense(x, 1000, "softmax", bias=0, name="output")


def _in_columns(
    x: Any, maps: int, size: int, columns: int, *, bias: int, name: str
) -> Any:
    """A convolution in each column of the maps, which does not see the others."""
    if columns == 1:
        return _convolution(x, maps, size, bias=bias, name=name)
    # TensorFlow's own convolution in groups takes seconds an image on a processor.
    width = x.shape[-1] // columns
    return layers.Concatenate(name=name)(
        [
            _convolution(
                x[..., i * width : (i + 1) * width],
                maps // columns,
                size,
                bias=bias,
                name=f"{name}_column{i + 1}",
            )
            for i in range(columns)
        ]
    )


def _convolution(
    x: Any, maps: int, size: int, *, step: int = 1, bias: int = 0, name: str
) -> Any:
    return layers.Conv2D(
        maps,
        size,
        step,
        padding="same" if step == 1 else "valid",
        activation="relu",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer="ones" if bias else "zeros",
        name=name,
    )(x)


def _dense(x: Any, units: int, activation: str, *, bias: int, name: str) -> Any:
    return layers.Dense(
        units,
        activation=activation,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer="ones" if bias else "zeros",
        name=name,
    )(x)
