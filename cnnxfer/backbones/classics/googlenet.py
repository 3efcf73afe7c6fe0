"""GoogLeNet: convolutions of several sizes side by side, and SE-Inception.

C. Szegedy et al.: Going Deeper with Convolutions, 2014,
https://arxiv.org/abs/1409.4842, table 1:

    layer   kind                                     maps   size
    input   picture                                      3  224x224
    conv1   convolution 7x7, step 2                     64  112x112
    pool1   maxima 3x3, step 2, normalized              64  56x56
    conv2   convolutions 1x1 (64) and 3x3, normalized  192  56x56
    pool2   maxima 3x3, step 2                         192  28x28
    3a-3b   two inception modules                      480  28x28
    pool3   maxima 3x3, step 2                         480  14x14
    4a-4e   five inception modules                     832  14x14
    pool4   maxima 3x3, step 2                         832  7x7
    5a-5b   two inception modules                    1,024  7x7
    head    averages, 40% dropped, 1,000 classes

An inception module looks at its input in four ways and puts the maps together:

    module  size    1x1  3x3 (of)   5x5 (of)  pooled  all
    3a      28x28    64  128 (96)    32 (16)      32  256
    3b      28x28   128  192 (128)   96 (32)      64  480
    4a      14x14   192  208 (96)    48 (16)      64  512
    4b      14x14   160  224 (112)   64 (24)      64  512
    4c      14x14   128  256 (128)   64 (24)      64  512
    4d      14x14   112  288 (144)   64 (32)      64  528
    4e      14x14   256  320 (160)  128 (32)     128  832
    5a      7x7     256  320 (160)  128 (32)     128  832
    5b      7x7     384  384 (192)  128 (48)     128  1,024

The maps in parentheses are those of a 1x1 convolution before the larger one. The
paper normalizes its first maps in depth. With `normalized`, BatchNormalization follows
each convolution instead, 3x3 stands for 5x5, and the last maxima are of 2x2, as in
torchvision's network. With `excited`, each module weighs its maps (SENet, see
`squeeze_excitation`).

While the network learns from scratch, two auxiliary classifiers read the maps of 4a and
4d, and 0.3 of their loss counts (section 5):

    layer   kind                           maps  size
    input   maps of 4a, 4d             512, 528  14x14
    pool    averages 5x5, step 3       512, 528  4x4
    conv    convolution 1x1                 128  4x4
    fc      fully connected, 70% dropped  1,024
    logits  fully connected               1,000
"""

from functools import partial
from typing import Any, NamedTuple

import keras
from keras import layers

from cnnxfer.backbones.classics.layers import LocalResponseNormalization
from cnnxfer.backbones.classics.squeeze_excitation import squeeze_and_excite


class _Module(NamedTuple):
    name: str
    ones: int
    threes_of: int
    threes: int
    fives_of: int
    fives: int
    pooled: int


STAGES = (
    (
        _Module("3a", 64, 96, 128, 16, 32, 32),
        _Module("3b", 128, 128, 192, 32, 96, 64),
    ),
    (
        _Module("4a", 192, 96, 208, 16, 48, 64),
        _Module("4b", 160, 112, 224, 24, 64, 64),
        _Module("4c", 128, 128, 256, 24, 64, 64),
        _Module("4d", 112, 144, 288, 32, 64, 64),
        _Module("4e", 256, 160, 320, 32, 128, 128),
    ),
    (
        _Module("5a", 256, 160, 320, 32, 128, 128),
        _Module("5b", 384, 192, 384, 48, 128, 128),
    ),
)


def GoogLeNet(
    *,
    normalized: bool = False,
    excited: bool = False,
    include_top: bool = True,
    weights: None = None,
    input_shape: tuple[int, int, int] = (224, 224, 3),
) -> keras.Model:
    """Builds GoogLeNet with random weights, without its auxiliary classifiers.

    Returns:
        A model of float32 `(batch, 224, 224, 3)` around 0 to probabilities
        `(batch, 1000)`, or to maps `(batch, 7, 7, 1024)` without the head.
    """
    inputs = x = keras.Input(input_shape)  # 224x224x3
    x = _convolution(x, 64, 7, normalized, "conv1", step=2)  # 112x112x64
    x = _halve(x, "pool1")  # 56x56x64
    if not normalized:
        x = LocalResponseNormalization(bias=1.0, alpha=2e-5, name="norm1")(x)
    x = _convolution(x, 64, 1, normalized, "conv2_reduce")  # 56x56x64
    x = _convolution(x, 192, 3, normalized, "conv2")  # 56x56x192
    if not normalized:
        x = LocalResponseNormalization(bias=1.0, alpha=2e-5, name="norm2")(x)
    for number, modules in enumerate(STAGES, 2):
        size = 2 if normalized and number == 4 else 3
        x = _halve(x, f"pool{number}", size)  # 28x28x192, 14x14x480, 7x7x832
        for module in modules:
            x = _inception(x, module, normalized)
            if excited:
                x = squeeze_and_excite(x, f"inception_{module.name}_se")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="average")(x)  # 1,024
        x = layers.Dropout(0.4, name="dropout")(x)
        x = layers.Dense(1000, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="googlenet")


def auxiliary_classifier(
    maps: Any, classes: int, name: str, *, normalized: bool = False
) -> Any:
    """Builds a classifier of maps in the middle of the network; see the table.

    Maps of less than 5x5, of small pictures, are averaged as a whole. torchvision's
    averages of 4x4 places differ a little from those of the paper, which are here.

    Returns:
        Logits, `(batch, classes)`.
    """
    size = min(5, *maps.shape[1:3])
    x = layers.AveragePooling2D(size, 3, name=f"{name}_pool")(maps)  # 4x4x512, 4x4x528
    x = _convolution(x, 128, 1, normalized, f"{name}_conv")  # 4x4x128
    x = layers.Flatten(name=f"{name}_flatten")(x)  # 2,048
    x = layers.Dense(1024, activation="relu", name=f"{name}_fc")(x)
    x = layers.Dropout(0.7, name=f"{name}_dropout")(x)
    return layers.Dense(classes, name=f"{name}_logits")(x)


normalized_auxiliary_classifier = partial(auxiliary_classifier, normalized=True)


def _inception(x: Any, module: _Module, normalized: bool) -> Any:
    name = f"inception_{module.name}"
    ones = _convolution(x, module.ones, 1, normalized, f"{name}_1x1")
    threes = _convolution(x, module.threes_of, 1, normalized, f"{name}_3x3_reduce")
    threes = _convolution(threes, module.threes, 3, normalized, f"{name}_3x3")
    fives = _convolution(x, module.fives_of, 1, normalized, f"{name}_5x5_reduce")
    size = 3 if normalized else 5
    fives = _convolution(fives, module.fives, size, normalized, f"{name}_5x5")
    pooled = layers.MaxPooling2D(3, 1, padding="same", name=f"{name}_pool")(x)
    pooled = _convolution(pooled, module.pooled, 1, normalized, f"{name}_pooled")
    return layers.Concatenate(name=name)([ones, threes, fives, pooled])


def _halve(x: Any, name: str, size: int = 3) -> Any:
    return layers.MaxPooling2D(size, 2, padding="same", name=name)(x)


def _convolution(
    x: Any, maps: int, size: int, normalized: bool, name: str, step: int = 1
) -> Any:
    if step == 2:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        maps,
        size,
        step,
        padding="same" if step == 1 else "valid",
        use_bias=not normalized,
        name=name,
    )(x)
    if normalized:
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
