"""LeNet-5, which read the digits of cheques.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document
Recognition, 1998, http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf, section II.B:

    layer   kind                    maps  size    parameters
    input   grey picture               1  32x32
    C1      convolution 5x5            6  28x28          156
    S2      averages 2x2               6  14x14           12
    C3      convolution 5x5, partial  16  10x10        1,516
    S4      averages 2x2              16  5x5             32
    C5      convolution 5x5          120  1x1         48,120
    F6      fully connected           84              10,164
    output  Euclidean distances       10                 850 here

Kept from the paper: averages with a factor and a bias for each map, the squashing
function 1.7159 tanh(2x/3), the connections of C3 (table I) and the range of the first
weights, but for those factors. F6 is a convolution of 1x1 here, so larger pictures have
a map of it, of which the head sees the averages. As is usual today, the output is a
softmax of 10 logits, not distances to pictures of the characters; `--head euclidean`
has distances, to centres that learn (see `tasks.euclidean`).
"""

from typing import Any

import keras
from keras import layers

from cnnxfer.backbones.classics.layers import PartialConvolution, ScaledTanh

CLASSES = 10
# The maps of S2 that each map of C3 reads (table I of the paper).
C3_SOURCES = (
    *[(i, (i + 1) % 6, (i + 2) % 6) for i in range(6)],
    *[(i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6) for i in range(6)],
    *[(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)],
    tuple(range(6)),
)


def LeNet5(
    *,
    include_top: bool = True,
    weights: None = None,
    input_shape: tuple[int, int, int] = (32, 32, 1),
) -> keras.Model:
    """Builds LeNet-5 with random weights.

    Returns:
        A model of grey pixels, float32 `(batch, 32, 32, 1)` from -0.1 (paper) to 1.175
        (ink), to probabilities `(batch, 10)`, or to the 84 maps of F6,
        `(batch, 1, 1, 84)` of such pictures, without the head.
    """
    inputs = x = keras.Input(input_shape)  # 32x32x1
    x = _convolution(6, 5, inputs=1, name="c1")(x)  # 28x28x6
    x = ScaledTanh(name="c1_tanh")(x)
    x = _averages(x, "s2")  # 14x14x6
    x = ScaledTanh(name="s2_tanh")(x)
    x = PartialConvolution(5, C3_SOURCES, name="c3")(x)  # 10x10x16
    x = ScaledTanh(name="c3_tanh")(x)
    x = _averages(x, "s4")  # 5x5x16
    x = ScaledTanh(name="s4_tanh")(x)
    x = _convolution(120, 5, inputs=16, name="c5")(x)  # 1x1x120
    x = ScaledTanh(name="c5_tanh")(x)
    x = _convolution(84, 1, inputs=120, name="f6")(x)  # 1x1x84
    x = ScaledTanh(name="f6_tanh")(x)
    if include_top:
        x = layers.Flatten(name="flatten")(x)  # 84
        x = layers.Dense(CLASSES, kernel_initializer=_first_weights(84), name="output")(
            x
        )
        x = layers.Softmax(name="probabilities")(x)
    return keras.Model(inputs, x, name="lenet5")


def _convolution(maps: int, size: int, *, inputs: int, name: str) -> keras.layers.Layer:
    first_weights = _first_weights(size * size * inputs)
    return layers.Conv2D(maps, size, kernel_initializer=first_weights, name=name)


def _first_weights(fan_in: int) -> keras.initializers.Initializer:
    return keras.initializers.RandomUniform(-2.4 / fan_in, 2.4 / fan_in)


def _averages(x: Any, name: str) -> Any:
    """Halves the sides; each map has a factor and a bias that learn."""
    x = layers.AveragePooling2D(2, name=f"{name}_average")(x)
    return layers.DepthwiseConv2D(1, name=name)(x)
