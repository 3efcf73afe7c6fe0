"""Which classes a detector takes for each other, and for the background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnxfer.tasks.boxes.matches import Truth, in_crowds, taken_objects


def confusion(
    answers: Sequence[np.ndarray],
    truths: Sequence[Truth],
    num_classes: int,
    threshold: float,
) -> np.ndarray:
    """Counts which objects are answered by which classes, at an overlap of 0.5.

    Answers take objects of whatever class, the surest answer first.

    Args:
        answers: float `(answers, 6)` for each image, as in `matches.match`.
        truths: what is to be found in each image.
        num_classes: the number of classes.
        threshold: the score from which on an answer counts.

    Returns:
        int64 `(classes + 1, classes + 1)`: a row for the class of the object, and a
        column for the class of the answer. The last row has answers where no object is,
        and the last column has objects that are not found.
    """
    counts = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    for rows, truth in zip(answers, truths, strict=True):
        sure = rows[rows[:, 4] >= threshold]
        sure = sure[np.argsort(-sure[:, 4], kind="stable")]
        named = sure[:, 5].astype(np.int64)
        shown = truth.labels[~truth.crowds]
        taken = taken_objects(sure[:, :4], truth.boxes[~truth.crowds])[:, 0]
        hit = taken >= 0
        beside = ~hit & ~in_crowds(sure[:, :4], truth.boxes[truth.crowds])[:, 0]
        np.add.at(counts, (shown[taken[hit]], named[hit]), 1)
        np.add.at(counts[-1], named[beside], 1)
        np.add.at(counts[:, -1], np.delete(shown, taken[hit]), 1)
    return counts
