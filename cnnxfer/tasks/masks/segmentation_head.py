"""Heads that give the class of every pixel."""

from collections.abc import Sequence
from typing import Any

import keras

from cnnxfer.tasks.dense_layers import convolution, resized, separable
from cnnxfer.tasks.pyramid import WIDTH, feature_pyramid
from cnnxfer.tasks.task import HEAD


def pyramid_head(
    shapes: Sequence[tuple[int, int, int]],
    num_classes: int,
    dropout: float,
    image_size: int,
) -> keras.Model:
    """Returns a head that reads the finest map of a pyramid of features.

    Args:
        shapes: height, width and channels of the maps, from fine to coarse.
        num_classes: the number of classes, at least 2.
        dropout: dropout rate before the last convolution, in [0, 1).
        image_size: the side of the view, in pixels.

    Returns:
        A model of a list of maps, float32 `(batch, height, width, channels)`, to
        float32 logits `(batch, height, width, num_classes)` at the places of the first
        map.
    """
    maps = _inputs(shapes)
    x = separable(WIDTH, "refine")(feature_pyramid(maps)[0])
    x = keras.layers.Dropout(dropout, name="dropout", dtype="float32")(x)
    return keras.Model(maps, convolution(1, num_classes, "logits")(x), name=HEAD)


def fully_convolutional_head(
    shapes: Sequence[tuple[int, int, int]],
    num_classes: int,
    dropout: float,
    image_size: int,
) -> keras.Model:
    """Returns the head of FCN-32s, FCN-16s or FCN-8s, for one, two or three maps.

    Each map is scored by a 1x1 convolution that begins with 0; the scores of the coarse
    map are enlarged and added to those of the next finer one, until none is left (Long
    et al., 2015, section 4.2, https://arxiv.org/abs/1411.4038). In the paper, VGG's
    fully connected layers come before the first scores, the enlargement between maps
    learns and begins as bilinear, and each network begins as the coarser one; here, the
    backbone's last map is scored as it is, all enlargement is bilinear and stays so,
    and all scores learn at once.

    The arguments and the result are those of `pyramid_head`.
    """
    maps = _inputs(shapes)
    scores: Any = None
    for map in reversed(maps):
        side = map.shape[1]
        x = keras.layers.Dropout(dropout, name=f"dropout_{side}", dtype="float32")(map)
        own = convolution(1, num_classes, f"scores_{side}", kernel_initializer="zeros")(
            x
        )
        if scores is None:
            scores = own
            continue
        scores = resized(side, "bilinear", f"enlarge_{side}")(scores)
        scores = keras.layers.Add(name=f"add_{side}", dtype="float32")([own, scores])
    return keras.Model(maps, scores, name=HEAD)


def pixel_logits(image_size: int) -> keras.layers.Layer:
    """Returns the layer that enlarges a head's logits to one for every pixel.

    Args:
        image_size: the side of the view, in pixels.
    """
    return resized(image_size, "bilinear", "answer")


def _inputs(shapes: Sequence[tuple[int, int, int]]) -> list[Any]:
    return [keras.Input(shape, dtype="float32") for shape in shapes]
