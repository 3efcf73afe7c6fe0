"""One box for each object, where several were found for it."""

import numpy as np

from cnnxfer.tasks.boxes.iou import iou


def best_boxes(objects: np.ndarray, max_iou: float) -> np.ndarray:
    """Returns the objects that no better one of the same class overlaps too far.

    This is greedy non-maximum suppression: the surest object stays, and takes away
    those of its class that share more than `max_iou` with it; then the surest of those
    that are left, and so on.

    Args:
        objects: float `(n, 6)`: left, top, right, bottom, score and class.
        max_iou: the largest intersection over union of two objects of a class.

    Returns:
        float `(at most n, 6)`, the surest first.
    """
    left = objects[np.argsort(-objects[:, 4], kind="stable")]
    best = []
    while len(left):
        first, left = left[0], left[1:]
        best.append(first)
        same = (left[:, 5] == first[5]) & (iou(left[:, :4], first[:4]) > max_iou)
        left = left[~same]
    return np.array(best, objects.dtype).reshape(-1, 6)
