"""How much boxes overlap."""

import numpy as np


def areas(boxes: np.ndarray) -> np.ndarray:
    """Returns the areas of boxes, 0 for those that end before they begin.

    Args:
        boxes: `(..., 4)`: left, top, right and bottom edges.

    Returns:
        float64 `(...)`, in the square of the unit of the edges.
    """
    edges = boxes.astype(np.float64)
    found: np.ndarray = (edges[..., 2:] - edges[..., :2]).clip(0).prod(axis=-1)
    return found


def intersections(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the areas that boxes share with others; the shapes are broadcast."""
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., 2:], others[..., 2:])
    return areas(np.concatenate([low, high], axis=-1))


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the intersection over union (IoU) of boxes with others.

    Args:
        boxes: `(..., 4)`: left, top, right and bottom edges.
        others: likewise. The shapes are broadcast: `(boxes, 1, 4)` and `(others, 4)`
            give each box with each of the others.

    Returns:
        float64 `(...)` in [0, 1]; 0 for boxes without area.
    """
    shared = intersections(boxes, others)
    union = areas(boxes) + areas(others) - shared
    found: np.ndarray = shared / np.maximum(union, np.finfo(np.float64).tiny)
    return found
