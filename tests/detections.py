"""Objects in images and answers about them, some of which are wrong."""

import numpy as np

from cnnxfer.tasks.boxes.matches import Truth

CLASSES = 3


def random_detections(
    seed: int, images: int, *, ties: bool = False
) -> tuple[list[np.ndarray], list[Truth]]:
    """Returns answers `(answers, 6)` and objects, crowds among them, for each image.

    Some objects are answered several times, by another class or not at all, and some
    images have no objects or no answers.
    """
    draw = np.random.default_rng(seed)
    answers, truths = [], []
    for _ in range(images):
        objects, others = draw.integers(0, 5, 2)
        boxes = _boxes(draw, objects)
        labels = draw.integers(0, CLASSES, objects)
        truths.append(Truth(boxes, labels, draw.random(objects) < 0.2))
        again = np.repeat(np.arange(objects), draw.integers(0, 4, objects))
        moved = boxes[again] + draw.normal(0, 5, (len(again), 4))
        named = np.concatenate([labels[again], draw.integers(0, CLASSES, others)])
        wrong = draw.random(len(named)) < 0.1
        named[wrong] = draw.integers(0, CLASSES, wrong.sum())
        scores = draw.uniform(0.01, 1, len(named))
        if ties:
            scores = scores.round(1).clip(0.1)
        placed = np.concatenate([moved, _boxes(draw, others)])
        rows = np.column_stack([placed, scores, named]).astype(np.float32)
        rows[:, 2:4] = np.maximum(rows[:, 2:4], rows[:, :2] + 1)
        answers.append(rows)
    return answers, truths


def _boxes(draw: np.random.Generator, count: int) -> np.ndarray:
    corners = draw.uniform(0, 150, (count, 2))
    return np.hstack([corners, corners + draw.uniform(5, 120, (count, 2))])
