"""Which answers of a detector are objects, and which of them are wrong.

Answers are matched with objects once, image by image. All figures of the answers
follow from the matches, also those of images that are drawn several times or never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cnnxfer.data.objects import Objects
from cnnxfer.tasks.boxes.iou import iou

# The overlaps from which on an answer is an object: 0.50, 0.55 ... 0.95, as COCO has
# them, https://cocodataset.org/#detection-eval.
LIMITS = np.linspace(0.5, 0.95, 10)
MOST_ANSWERS = 100  # of a class in an image; COCO leaves out the least sure beyond
EVERY_CLASS = -1  # in place of the label of a crowd whose class is not known
UNUSED_TARGET, CROWD_TARGET = -1, -2  # in place of the class, in targets of training


@dataclass(frozen=True, eq=False)
class Truth:
    """What is to be found in an image.

    Attributes:
        boxes: float64 `(objects, 4)`: left, top, right and bottom, in the pixels that
            the answers have, too.
        labels: int64 `(objects,)`: their classes, or `EVERY_CLASS`.
        crowds: bool `(objects,)`: whether a box holds many objects. They need not be
            found, and what is found in them does not count.
    """

    boxes: np.ndarray
    labels: np.ndarray
    crowds: np.ndarray

    @classmethod
    def of_objects(cls, objects: Objects) -> Truth:
        """Returns what a data set knows of an image."""
        items = objects.objects
        return cls(
            np.array([item.box for item in items], np.float64).reshape(-1, 4),
            np.array([item.label for item in items], np.int64),
            np.array([item.crowd for item in items], bool),
        )

    @classmethod
    def of_targets(cls, rows: np.ndarray) -> Truth:
        """Returns what training teaches of a view.

        Args:
            rows: `(rows, 5)`: class, left, top, right, bottom; a class of -1 for unused
                rows, and of -2 for crowds, whose class is not known.
        """
        used = rows[rows[:, 0] != UNUSED_TARGET]
        labels = used[:, 0].astype(np.int64)
        crowds = labels == CROWD_TARGET
        boxes = used[:, 1:].astype(np.float64)
        return cls(boxes, np.where(crowds, EVERY_CLASS, labels), crowds)


@dataclass(frozen=True, eq=False)
class Matches:
    """The answers to several images, and which of them are objects.

    The answers are in order of their scores, the surest first; equally sure ones are in
    the order of the images.

    Attributes:
        objects: int64 `(images, classes)`: how many objects each image shows, without
            crowds.
        images: int64 `(answers,)`: the position of the image of each answer.
        labels: int64 `(answers,)`: its class.
        scores: float64 `(answers,)` in (0, 1].
        right: bool `(answers, limits)`: whether it is an object that no surer answer
            has found, for each overlap in `LIMITS`.
        ignored: bool `(answers, limits)`: whether it lies in a crowd, so that it counts
            as neither right nor wrong.
    """

    objects: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    right: np.ndarray
    ignored: np.ndarray

    def only(self, chosen: np.ndarray) -> Matches:
        """Returns some of the answers.

        Args:
            chosen: bool `(answers,)`, or positions in the order that is wanted.
        """
        return Matches(
            self.objects,
            self.images[chosen],
            self.labels[chosen],
            self.scores[chosen],
            self.right[chosen],
            self.ignored[chosen],
        )

    def of_class(self, label: int) -> Matches:
        """Returns the answers of one class, and its objects `(images, 1)`."""
        return replace(
            self.only(self.labels == label), objects=self.objects[:, label, None]
        )


def match(
    answers: Sequence[np.ndarray], truths: Sequence[Truth], num_classes: int
) -> Matches:
    """Returns which answers are objects, by the rules of COCO.

    In each image and class, the surest answer takes the object that it overlaps most,
    then the next one takes one of the rest. An answer that has none of them is ignored
    if enough of it lies in a crowd of its class.

    Args:
        answers: float `(answers, 6)` for each image: left, top, right, bottom, score,
            class. Rows without a score above 0 are no answers.
        truths: what is to be found in each image.
        num_classes: the number of classes.
    """
    flags = np.empty((0, len(LIMITS)), bool)
    parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), flags, flags)]
    for at, (rows, truth) in enumerate(zip(answers, truths, strict=True)):
        for label, ranked in _by_class(rows):
            same = np.ones(len(ranked), np.int64)
            right, ignored = _matched(ranked[:, :4], truth, label)
            parts.append((at * same, label * same, ranked[:, 4], right, ignored))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    objects = [
        np.bincount(truth.labels[~truth.crowds], minlength=num_classes)
        for truth in truths
    ]
    matches = Matches(np.reshape(objects, (len(truths), num_classes)), *columns)
    return matches.only(np.argsort(-matches.scores, kind="stable"))


def _by_class(rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Returns the answers to an image by their classes, the surest first."""
    rows = rows[rows[:, 4] > 0].astype(np.float64)
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    labels = rows[:, 5].astype(np.int64)
    return [
        (label, rows[labels == label][:MOST_ANSWERS])
        for label in np.unique(labels).tolist()
    ]


def _matched(
    boxes: np.ndarray, truth: Truth, label: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns which answers of a class are right, and which are ignored.

    Args:
        boxes: `(answers, 4)`, the surest first.
        truth: what is to be found.
        label: the class.
    """
    own = truth.boxes[(truth.labels == label) & ~truth.crowds]
    right = taken_objects(boxes, own) >= 0
    of_crowd = truth.crowds & np.isin(truth.labels, [label, EVERY_CLASS])
    return right, ~right & in_crowds(boxes, truth.boxes[of_crowd])


def taken_objects(boxes: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Returns which object each answer takes, if it overlaps one enough.

    The surest answer takes the object that it overlaps most, and so on with the rest.

    Args:
        boxes: `(answers, 4)`, the surest first.
        objects: `(objects, 4)`.

    Returns:
        int64 `(answers, limits)`: a position among the objects, or -1, for each overlap
        in `LIMITS`.
    """
    shared = iou(boxes[:, None], objects)
    result = np.full((len(boxes), len(LIMITS)), -1)
    free = np.ones((len(LIMITS), len(objects)), bool)
    for at in np.flatnonzero((shared >= LIMITS[0]).any(axis=1)):
        possible = free & (shared[at] >= LIMITS[:, None])
        found = possible.any(axis=1)
        # Of objects that are overlapped equally, COCO takes the last.
        last = np.where(possible, shared[at], -1)[:, ::-1].argmax(axis=1)
        result[at, found] = len(objects) - 1 - last[found]
        free[found, result[at, found]] = False
    return result


def in_crowds(boxes: np.ndarray, crowds: np.ndarray) -> np.ndarray:
    """Returns whether enough of an answer lies in a crowd.

    Args:
        boxes: `(answers, 4)`.
        crowds: `(crowds, 4)`.

    Returns:
        bool `(answers, limits)`: whether that share is at least each of `LIMITS`.
    """
    low = np.maximum(boxes[:, None, :2], crowds[:, :2])
    high = np.minimum(boxes[:, None, 2:], crowds[:, 2:])
    # What lies inside is part of the answer, so their overlap is its share.
    inside = iou(boxes[:, None], np.concatenate([low, high], axis=-1))
    enough: np.ndarray = inside.max(axis=1, initial=0)[:, None] >= LIMITS
    return enough
