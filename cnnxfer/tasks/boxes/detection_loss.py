"""The loss of objects: which cells learn which object, and what they learn of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnxfer.tasks.boxes.cells import Cells, rows_at
from cnnxfer.tasks.boxes.iou import generalized_iou, iou

CROWD = -2  # in place of a class; see `DetectionLoss`
# An object is learned by cells inside it whose centre is at most this far from its
# middle, in sides of a cell, along both axes.
RADIUS = 1.5
# Each map learns the objects whose longer side is at least this many cells and less
# than twice as many; the finest also the smaller ones, the coarsest the larger ones.
MAP_CELLS = 8
BOX_WEIGHT = 2.0  # of the boxes' loss; that of the classes is 1
RIGHT_IOU = 0.5  # from which on a box counts as right


@dataclass(frozen=True)
class DetectionLoss:
    """Every cell says what it shows: an object's class and box, or background.

    An object is learned by cells around its middle, of one of the maps (Tian et al.,
    2019, section 3.2, https://arxiv.org/abs/1904.01355; the size decides for one map
    here, so that no object falls between two). Where objects compete for a cell, the
    smallest one gets it. The score to be learned is the intersection over union of the
    box that is found, so that it tells how good the box is (quality focal loss, Li et
    al., 2020, https://arxiv.org/abs/2006.04388). Boxes are learned by generalized IoU.

    Targets are float32 `(batch, rows, 5)`: class, left, top, right and bottom in pixels
    of the view. Rows that are not needed have the class -1, and those of crowds the
    class `CROWD`: cells in these neither teach nor count. Outputs are those of
    `detection_head`.

    Each image's losses are divided by the number of its cells that learn an object, or
    by 1: so all images count alike, whatever batch or part of a batch they are in.

    Attributes:
        cells: the cells of the head's maps.
    """

    cells: Cells

    def loss(self, targets: Any, outputs: Any) -> Any:
        """Returns the loss of each image, float32 `(batch,)`."""
        from keras import ops

        learned, rows = self._assigned(targets)
        boxes, found = rows[..., 1:], self.cells.boxes(outputs[..., -4:])
        box_losses = learned * (1 - generalized_iou(found, boxes, ops))

        quality = learned * ops.stop_gradient(iou(found, boxes, ops))
        logits = outputs[..., :-4]
        chosen = ops.one_hot(ops.cast(rows[..., 0], "int32"), logits.shape[-1])
        class_losses = _quality_focal_loss(chosen * quality[..., None], logits)
        class_losses = class_losses * ops.maximum(learned, 1 - self._in_crowd(targets))

        losses = ops.sum(class_losses + BOX_WEIGHT * box_losses, axis=-1)
        return losses / ops.maximum(ops.sum(learned, axis=-1), 1.0)

    def accuracy(self, targets: Any, outputs: Any) -> Any:
        """Returns the share of each image's objects that are found, `(batch,)`.

        An object is found if, of the cells inside it, the one that is surest of its
        class has a box of an intersection over union of at least `RIGHT_IOU`. Where
        there are no objects, the share is 1.
        """
        from keras import ops

        classes, boxes = ops.cast(targets[..., 0], "int32"), targets[..., 1:]
        logits = outputs[..., :-4]
        chosen = ops.one_hot(classes, logits.shape[-1])
        # (batch, cells, rows): the logit of the class of each object
        logits = ops.matmul(logits, ops.swapaxes(chosen, 1, 2))
        logits = ops.where(self._inside(boxes, classes >= 0), logits, -np.inf)
        surest = ops.argmax(logits, axis=1)
        found = rows_at(self.cells.boxes(outputs[..., -4:]), surest)
        shown = ops.cast(classes >= 0, "float32")
        right = shown * ops.cast(iou(found, boxes, ops) >= RIGHT_IOU, "float32")
        missed = ops.sum(shown - right, axis=-1)
        return 1 - missed / ops.maximum(ops.sum(shown, axis=-1), 1.0)

    def _assigned(self, targets: Any) -> tuple[Any, Any]:
        """Returns which cells learn an object, and the target of each of them.

        The first is float32 `(batch, cells)` of 1 and 0, the second `(batch, cells, 5)`
        and has a meaning where the first is 1.
        """
        from keras import ops

        low, high = targets[..., 1:3], targets[..., 3:]
        middles, sides = (low + high) / 2, high - low
        longer, areas = ops.max(sides, axis=-1), ops.prod(sides, axis=-1)
        maps = []
        for side in self.cells.sides:
            cell = self.cells.image_size / side
            smallest, largest = self._sizes(side)
            fits = ops.logical_and(longer >= smallest, longer < largest)
            learned = ops.logical_and(fits, targets[..., 0] >= 0)
            # The cell at the middle of a tiny object may have its centre outside.
            near = ops.minimum(
                ops.maximum(low, middles - RADIUS * cell), middles - cell / 2
            )
            far = ops.maximum(
                ops.minimum(high, middles + RADIUS * cell), middles + cell / 2
            )
            maps.append(self.cells.in_boxes(side, near, far, learned))
        learns = ops.concatenate(maps, axis=1)  # (batch, cells, rows)
        areas = ops.where(learns, areas[:, None], np.inf)
        rows = rows_at(targets, ops.argmin(areas, axis=-1))
        return ops.cast(ops.min(areas, axis=-1) < np.inf, "float32"), rows

    def _in_crowd(self, targets: Any) -> Any:
        """Returns 1 for cells whose centre is in a crowd, else 0: `(batch, cells)`."""
        from keras import ops

        crowds = ops.equal(targets[..., 0], CROWD)
        inside = self._inside(targets[..., 1:], crowds)
        return ops.cast(ops.any(inside, axis=-1), "float32")

    def _inside(self, boxes: Any, counted: Any) -> Any:
        """Returns which cells' centres are in which of the boxes that are counted.

        It is a bool tensor `(batch, cells, rows)`.
        """
        from keras import ops

        low, high = boxes[..., :2], boxes[..., 2:]
        maps = [
            self.cells.in_boxes(side, low, high, counted) for side in self.cells.sides
        ]
        return ops.concatenate(maps, axis=1)

    def _sizes(self, side: int) -> tuple[float, float]:
        """Returns the smallest size that a map learns, and the first one too large.

        They are lengths in pixels; the map has `side` cells in a row.
        """
        sides = self.cells.sides
        smallest = MAP_CELLS * self.cells.image_size / side
        return (
            0 if side == max(sides) else smallest,
            np.inf if side == min(sides) else 2 * smallest,
        )


def _quality_focal_loss(scores: Any, logits: Any) -> Any:
    """Returns the loss of each cell, summed over classes.

    Args:
        scores: those to be learned, in [0, 1], `(batch, cells, classes)`.
        logits: the same shape.
    """
    from keras import ops

    losses = ops.binary_crossentropy(scores, logits, from_logits=True)
    return ops.sum(ops.square(scores - ops.sigmoid(logits)) * losses, axis=-1)
