"""The loss of one class and one box."""

from dataclasses import dataclass
from typing import Any

from cnnxfer.tasks.boxes.iou import generalized_iou, iou

CLASS_WEIGHT, BOX_WEIGHT = 0.8, 0.2  # of the two losses, as the textbook has them
RIGHT_IOU = 0.5  # from which on a box counts as right


@dataclass(frozen=True)
class LocalizationLoss:
    """Cross-entropy for the class, and how far the box is off.

    Targets are float32 `(batch, classes + 4)`: 1 for the class, then left, top, right
    and bottom as fractions of the view's side. A view that does not show the object has
    zeros, and teaches nothing. Outputs are those of `localization_head`.

    Attributes:
        squared: whether the box's loss is the mean squared error of its sides, as the
            textbook has it. Otherwise it is 1 less generalized IoU, plus the mean
            absolute error: that says what is wanted of a box of any size, and the error
            also helps where the boxes don't meet yet.
    """

    squared: bool = False

    def loss(self, targets: Any, outputs: Any) -> Any:
        """Returns the loss of each image, float32 `(batch,)`."""
        from keras import ops

        shown, box = targets[..., :-4], targets[..., -4:]
        logits, found = outputs[..., :-4], outputs[..., -4:]
        class_loss = ops.categorical_crossentropy(shown, logits, from_logits=True)
        if self.squared:
            box_loss = ops.mean(ops.square(found - box), axis=-1)
        else:
            box_loss = 1 - generalized_iou(found, box, ops)
            box_loss = box_loss + ops.mean(ops.abs(found - box), axis=-1)
        counted = ops.sum(shown, axis=-1)
        return (CLASS_WEIGHT * class_loss + BOX_WEIGHT * box_loss) * counted

    def accuracy(self, targets: Any, outputs: Any) -> Any:
        """Returns 1 for each image whose class is right and whose box is, else 0.

        A box is right if its intersection over union is at least `RIGHT_IOU`.
        """
        from keras import ops

        right = ops.equal(
            ops.argmax(outputs[..., :-4], -1), ops.argmax(targets[..., :-4], -1)
        )
        near = iou(outputs[..., -4:], targets[..., -4:], ops) >= RIGHT_IOU
        return ops.cast(ops.logical_and(right, near), "float32")
