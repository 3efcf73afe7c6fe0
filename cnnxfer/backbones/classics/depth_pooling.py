"""A small network that pools over depth, to show what that does.

Maxima over several maps, not over places, make a network blind to what these maps tell
apart. A. Géron, Hands-On Machine Learning, third edition, chapter 14, builds such a
layer; I. Goodfellow et al., Maxout Networks, 2013, https://arxiv.org/abs/1302.4389, use
it in place of an activation:

    layer   kind               maps  size
    input   picture               3  32x32
    conv1   convolution 3x3      64  32x32
    depth1  maxima of 2 maps     32  32x32
    pool1   maxima 2x2           32  16x16
    conv2   convolution 3x3     128  16x16
    depth2  maxima of 2 maps     64  16x16
    pool2   maxima 2x2           64  8x8
    conv3   convolution 3x3     256  8x8
    depth3  maxima of 2 maps    128  8x8
    head    averages, classes
"""

import keras
from keras import layers

from cnnxfer.backbones.classics.layers import DepthwiseMaxPooling


def DepthPooling(
    *,
    include_top: bool = True,
    weights: None = None,
    input_shape: tuple[int, int, int] = (32, 32, 3),
) -> keras.Model:
    """Builds the network with random weights.

    Returns:
        A model of float32 `(batch, 32, 32, 3)` around 0 to probabilities
        `(batch, 1000)`, or to maps `(batch, 8, 8, 128)` without the head.
    """
    inputs = x = keras.Input(input_shape)  # 32x32x3
    for i, maps in enumerate((64, 128, 256), 1):
        x = layers.Conv2D(  # 32x32x64, 16x16x128, 8x8x256
            maps,
            3,
            padding="same",
            kernel_initializer="he_normal",
            name=f"conv{i}",
        )(x)
        x = DepthwiseMaxPooling(2, name=f"depth{i}")(x)  # 32x32x32, 16x16x64, 8x8x128
        if i < 3:
            x = layers.MaxPooling2D(2, name=f"pool{i}")(x)  # 16x16x32, 8x8x64
    if include_top:
        x = layers.GlobalAveragePooling2D(name="average")(x)  # 128
        x = layers.Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="depth-pooling")
