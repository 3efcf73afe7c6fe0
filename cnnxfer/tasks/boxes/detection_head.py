"""The head that finds objects: classes and boxes at every cell of three maps."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from cnnxfer.tasks.dense_layers import convolution, separable
from cnnxfer.tasks.pyramid import WIDTH, feature_pyramid
from cnnxfer.tasks.task import HEAD

CONVOLUTIONS = 2  # before the classes, and before the boxes
# What every cell gives to every class at first. Nearly all cells show background, and
# would otherwise drown the rest in the first steps (Lin et al., 2017, section 4.1,
# https://arxiv.org/abs/1708.02002).
FIRST_SCORE = 0.01


@keras.saving.register_keras_serializable("cnnxfer")
class Distances(keras.layers.Layer):
    """Turns numbers into distances from a cell's centre, of at least 0, in pixels.

    They are measured in strides, and a factor that learns suits them to the sizes of
    objects that a map is for, so that all maps can share the weights before it (Tian et
    al., 2019, section 3.2, https://arxiv.org/abs/1904.01355; softplus replaces the
    exponential function, whose large values are not stable).

    Args:
        stride: the side of a cell, in pixels.
        options: those of `keras.layers.Layer`.
    """

    def __init__(self, stride: float, **options: Any) -> None:
        super().__init__(**options)
        self.stride = stride

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the factor, which begins with 1."""
        self.factor = self.add_weight(shape=(1,), initializer="ones", name="factor")

    def call(self, inputs: Any) -> Any:
        """Returns the distances; the shape remains."""
        return ops.softplus(inputs * self.factor) * self.stride

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "stride": self.stride}


def detection_head(
    shapes: Sequence[tuple[int, int, int]],
    num_classes: int,
    dropout: float,
    image_size: int,
) -> keras.Model:
    """Returns a head that gives classes and a box for every cell.

    A pyramid of features brings the maps to the same number of channels. The same
    convolutions then read all of them, since an object looks alike at any size.

    Args:
        shapes: height, width and channels of the maps, from fine to coarse; usually
            those at strides 8, 16 and 32, with one at stride 4 before them for small
            objects.
        num_classes: the number of classes, at least 1.
        dropout: dropout rate before the last convolutions, in [0, 1).
        image_size: the side of the view, in pixels.

    Returns:
        A model of a list of maps, float32 `(batch, height, width, channels)`, to
        float32 `(batch, cells, num_classes + 4)`: the logits of each class, each for
        itself (sigmoid), then the distances to the left, upper, right and lower side of
        the box from the centre of the cell, in pixels. The order of cells is that of
        `Cells`.
    """
    maps = [keras.Input(shape, dtype="float32") for shape in shapes]
    towers = {
        name: [separable(WIDTH, f"{name}_{i}") for i in range(CONVOLUTIONS)]
        + [keras.layers.Dropout(dropout, name=f"{name}_dropout", dtype="float32")]
        for name in ("class", "box")
    }
    first_logit = keras.initializers.Constant(math.log(FIRST_SCORE))
    towers["class"].append(
        convolution(3, num_classes, "logits", bias_initializer=first_logit)
    )
    towers["box"].append(convolution(3, 4, "sides"))
    rows = []
    for level in feature_pyramid(maps):
        side = level.shape[1]
        logits, sides = level, level
        for layer in towers["class"]:
            logits = layer(logits)
        for layer in towers["box"]:
            sides = layer(sides)
        stride = image_size / side
        distances = Distances(stride, name=f"distances_{side}", dtype="float32")(sides)
        found = keras.layers.Concatenate(dtype="float32")([logits, distances])
        rows.append(
            keras.layers.Reshape((side * side, num_classes + 4), dtype="float32")(found)
        )
    cells = keras.layers.Concatenate(axis=1, dtype="float32")(rows)
    return keras.Model(maps, cells, name=HEAD)
