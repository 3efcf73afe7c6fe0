"""The layer that turns what every cell says into a short list of objects."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from cnnxfer.tasks.boxes.cells import Cells, rows_at
from cnnxfer.tasks.boxes.iou import iou

OBJECTS = 100  # rows of the list
CANDIDATES = 300  # the surest boxes, of which suppression leaves some
MIN_SCORE = 0.01  # of a candidate
# Of two objects of a class. Heads on frozen maps find an object in many cells, whose
# boxes often share no more than that.
MAX_IOU = 0.45
# Suppression is exact unless a box depends on a longer chain: it is taken away by a
# second, which is taken away by a third, and so on.
ROUNDS = 16
SMALLEST_WEIGHT = 1e-9  # that is divided by


@keras.saving.register_keras_serializable("cnnxfer")
class DetectedObjects(keras.layers.Layer):
    """Returns the surest boxes, each object once.

    It is greedy non-maximum suppression within classes, as `suppression.best_boxes`
    does it, in operations of fixed shapes that every engine has. Whether a box stays
    follows from those before it; asked again and again of all boxes at once, the answer
    is final after as many rounds as the longest chain has boxes.

    The box of an object is the mean of all candidates of its class that overlap its own
    by more than `MAX_IOU`, weighted by their scores: many cells err less than one
    (Gidaris and Komodakis, 2015, https://arxiv.org/abs/1505.01749).

    The input is what `detection_head` gives, float32 `(batch, cells, classes + 4)`. The
    output is float32 `(batch, OBJECTS, 6)`: left, top, right and bottom in pixels of
    the view, clipped to it, the score in [0, 1], and the index of the class; the best
    comes first, and rows that are not needed are 0.

    Args:
        sides: how many cells are in a row of each map.
        image_size: the side of the view, in pixels.
        options: those of `keras.layers.Layer`.
    """

    def __init__(self, sides: Sequence[int], image_size: int, **options: Any) -> None:
        super().__init__(**options)
        self.cells = Cells(tuple(sides), image_size)

    def call(self, inputs: Any) -> Any:
        """Returns the objects."""
        boxes, scores, classes = self._candidates(inputs)
        same = _same_object(boxes, classes)
        weights = ops.cast(same, scores.dtype) * scores[:, None]
        total = ops.sum(weights, axis=-1, keepdims=True)
        boxes = ops.matmul(weights, boxes) / ops.maximum(total, SMALLEST_WEIGHT)
        scores = scores * _kept(scores, same)
        scores, order = ops.top_k(scores, min(OBJECTS, scores.shape[1]))
        rows = [rows_at(boxes, order), scores[..., None], rows_at(classes, order)]
        found = ops.concatenate(rows, axis=-1)
        found = found * ops.cast(scores > 0, scores.dtype)[..., None]
        return ops.pad(found, [[0, 0], [0, OBJECTS - found.shape[1]], [0, 0]])

    def _candidates(self, inputs: Any) -> tuple[Any, Any, Any]:
        """Returns boxes, scores and classes of the surest answers of all cells."""
        boxes = ops.clip(
            self.cells.boxes(inputs[..., -4:]), 0, float(self.cells.image_size)
        )
        num_classes = inputs.shape[-1] - 4
        answers = len(self.cells.centres) * num_classes
        scores = ops.reshape(ops.sigmoid(inputs[..., :-4]), (-1, answers))
        scores, places = ops.top_k(scores, min(CANDIDATES, answers))
        classes = ops.cast(places % num_classes, scores.dtype)[..., None]
        return rows_at(boxes, places // num_classes), scores, classes

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return (input_shape[0], OBJECTS, 6)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        own = {"sides": list(self.cells.sides), "image_size": self.cells.image_size}
        return {**super().get_config(), **own}


def _same_object(boxes: Any, classes: Any) -> Any:
    """Returns which candidates are taken for the same object: bool `(batch, n, n)`."""
    overlap = iou(boxes[:, :, None], boxes[:, None], ops) > MAX_IOU
    same_class = ops.equal(classes, ops.swapaxes(classes, 1, 2))
    return ops.logical_and(overlap, same_class)


def _kept(scores: Any, same: Any) -> Any:
    """Returns 1 for each candidate that stays, else 0: float32 `(batch, n)`."""
    count = scores.shape[1]
    better = ops.arange(count)[:, None] < ops.arange(count)  # the best come first
    rivals = ops.cast(ops.logical_and(same, better), scores.dtype)
    candidates = kept = ops.cast(scores >= MIN_SCORE, scores.dtype)
    for _ in range(ROUNDS):
        taken = ops.max(kept[..., None] * rivals, axis=1)
        kept = candidates * (1 - taken)
    return kept
