"""Heads that answer with one class and one box."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from cnnxfer.tasks.boxes.cells import Cells
from cnnxfer.tasks.dense_layers import convolution, separable
from cnnxfer.tasks.task import HEAD

WIDTH = 256  # channels of the convolutions of `vote_head`


@keras.saving.register_keras_serializable("cnnxfer")
class VotedBox(keras.layers.Layer):
    """The box that the cells of a map agree on.

    Each cell says how far the four sides are from its centre, as fractions of the
    view's side, and how much its word counts for each of them. So a cell near an edge
    decides where that edge is, and pooling does not take the place away.

    The input is `(batch, side, side, 8)`: four distances, then four logits of weights.
    The output is `(batch, 4)`: left, top, right and bottom as fractions of the view's
    side.
    """

    def call(self, inputs: Any) -> Any:
        """Returns the box, which may reach beyond the view."""
        cells = Cells((inputs.shape[1],), 1)
        votes = ops.reshape(inputs, (-1, len(cells.centres), 8))
        weights = ops.softmax(votes[..., 4:], axis=1)
        return ops.sum(cells.boxes(votes[..., :4]) * weights, axis=1)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return (input_shape[0], 4)


def vote_head(
    shapes: Sequence[tuple[int, int, int]],
    num_classes: int,
    dropout: float,
    image_size: int,
) -> keras.Model:
    """Returns a head whose box is voted for by all cells of the last map.

    Args:
        shapes: height, width and channels of the maps, from fine to coarse; the head
            reads the last one.
        num_classes: the number of classes, at least 1.
        dropout: dropout rate before the logits and before the votes, in [0, 1).
        image_size: the side of the view, in pixels.

    Returns:
        A model of a list of maps, float32 `(batch, height, width, channels)`, to
        float32 `(batch, num_classes + 4)`: the logits of the classes, then left, top,
        right and bottom of the box as fractions of the view's side.
    """
    maps, _, logits = _classes(shapes, num_classes, dropout)
    x = convolution(1, WIDTH, "vote_1", activation="relu")(maps[-1])
    x = separable(WIDTH, "vote_2")(x)
    x = keras.layers.Dropout(dropout, name="vote_dropout", dtype="float32")(x)
    box = VotedBox(name="box", dtype="float32")(convolution(1, 8, "votes")(x))
    return _model(maps, logits, box)


def textbook_head(
    shapes: Sequence[tuple[int, int, int]],
    num_classes: int,
    dropout: float,
    image_size: int,
) -> keras.Model:
    """Returns a head with one dense layer for the class and one for the box.

    Both read the pooled features, which hardly know where anything is. The arguments
    and the result are those of `vote_head`.

    Source: Géron, Hands-On Machine Learning, 3rd edition, chapter 14,
    "Classification and Localization".
    """
    maps, pooled, logits = _classes(shapes, num_classes, dropout)
    box = keras.layers.Dense(4, name="box", dtype="float32")(pooled)
    return _model(maps, logits, box)


def _classes(
    shapes: Sequence[tuple[int, int, int]], num_classes: int, dropout: float
) -> tuple[list[Any], Any, Any]:
    """Returns the maps, the pooled features of the last one, and the logits."""
    maps = [keras.Input(shape, dtype="float32") for shape in shapes]
    pooled = keras.layers.GlobalAveragePooling2D(name="pool", dtype="float32")(maps[-1])
    pooled = keras.layers.Dropout(dropout, name="dropout", dtype="float32")(pooled)
    logits = keras.layers.Dense(num_classes, name="logits", dtype="float32")(pooled)
    return maps, pooled, logits


def _model(maps: list[Any], logits: Any, box: Any) -> keras.Model:
    outputs = keras.layers.Concatenate(dtype="float32")([logits, box])
    return keras.Model(maps, outputs, name=HEAD)
