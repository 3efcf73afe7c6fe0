"""How far boxes agree: intersection over union."""

from types import ModuleType
from typing import Any

import numpy as np

SMALLEST_AREA = 1e-9  # that is divided by; boxes may have no area


def iou(boxes: Any, others: Any, ops: ModuleType = np) -> Any:
    """Returns the area that boxes share, over the area that they cover together.

    Args:
        boxes: `(..., 4)`: left, top, right and bottom, in any unit of length.
        others: the same, of a shape that goes with that of `boxes` by NumPy's rules of
            broadcasting.
        ops: `numpy` for arrays, `keras.ops` for tensors.

    Returns:
        Fractions `(...)`: 1 where both are the same, 0 where they share nothing. A box
        whose right edge lies left of its left edge has no area.
    """
    shared, together = _areas(boxes, others, ops)
    return shared / ops.maximum(together, SMALLEST_AREA)


def generalized_iou(boxes: Any, others: Any, ops: ModuleType = np) -> Any:
    """Returns intersection over union, less the share of empty space around both.

    Boxes that share nothing so get the lower, the farther they are apart. The arguments
    are those of `iou`; the result is in [-1, 1].

    Source: Rezatofighi et al., 2019, https://arxiv.org/abs/1902.09630.
    """
    shared, together = _areas(boxes, others, ops)
    low = ops.minimum(boxes[..., :2], others[..., :2])
    high = ops.maximum(boxes[..., 2:], others[..., 2:])
    around = ops.maximum(_area(low, high, ops), SMALLEST_AREA)
    share = shared / ops.maximum(together, SMALLEST_AREA)
    return share - (around - together) / around


def _areas(boxes: Any, others: Any, ops: ModuleType) -> tuple[Any, Any]:
    """Returns the areas of the intersection and of the union."""
    low = ops.maximum(boxes[..., :2], others[..., :2])
    high = ops.minimum(boxes[..., 2:], others[..., 2:])
    shared = _area(low, high, ops)
    own = _area(boxes[..., :2], boxes[..., 2:], ops)
    other = _area(others[..., :2], others[..., 2:], ops)
    return shared, own + other - shared


def _area(low: Any, high: Any, ops: ModuleType) -> Any:
    sides = ops.maximum(high - low, 0.0)
    return sides[..., 0] * sides[..., 1]
