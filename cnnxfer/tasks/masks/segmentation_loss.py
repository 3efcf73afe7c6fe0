"""The loss of the class of every pixel."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnxfer.data.class_mask import IGNORED


@dataclass(frozen=True, eq=False)
class SegmentationLoss:
    """The mean cross-entropy of an image's pixels, without those that are ignored.

    Targets are labels `(batch, rows, columns)`, of any numeric type, `IGNORED` where
    there is none. Outputs are logits, float32 `(batch, height, width, classes)`; they
    are enlarged to the targets' rows and columns where these are more. An image of
    which every pixel is ignored has the loss 0 and the accuracy 1.

    Attributes:
        class_weights: the weight of each class, float32 `(classes,)`.
    """

    class_weights: np.ndarray

    def loss(self, targets: Any, outputs: Any) -> Any:
        """Returns the loss of each image, float32 `(batch,)`."""
        from keras import ops

        labels, counted, logits = enlarged(targets, outputs)
        chosen = ops.one_hot(labels, logits.shape[-1]) * self.class_weights
        losses = -ops.sum(chosen * ops.log_softmax(logits), axis=-1)
        return _mean(losses, counted)

    def accuracy(self, targets: Any, outputs: Any) -> Any:
        """Returns the share of each image's pixels that are right, `(batch,)`."""
        from keras import ops

        labels, counted, logits = enlarged(targets, outputs)
        wrong = ops.not_equal(ops.cast(ops.argmax(logits, axis=-1), "int32"), labels)
        return 1 - _mean(ops.cast(wrong, "float32"), counted)


def enlarged(targets: Any, outputs: Any) -> tuple[Any, Any, Any]:
    """Returns labels, which pixels count, and logits, all at the places of targets.

    See `SegmentationLoss`; labels are -1 where pixels don't count.
    """
    from keras import ops

    labels = ops.cast(targets, "int32")
    counted = ops.not_equal(labels, IGNORED)
    labels = ops.where(counted, labels, -1)  # of which no class is chosen
    sides = labels.shape[1:]
    if outputs.shape[1:3] != sides:
        outputs = ops.image.resize(
            outputs, sides, interpolation="bilinear", data_format="channels_last"
        )
    return labels, ops.cast(counted, "float32"), outputs


def _mean(values: Any, counted: Any) -> Any:
    """Returns the mean of each image's values that count; 0 if none does."""
    from keras import ops

    total = ops.sum(values * counted, axis=(1, 2))
    return total / ops.maximum(ops.sum(counted, axis=(1, 2)), 1.0)
