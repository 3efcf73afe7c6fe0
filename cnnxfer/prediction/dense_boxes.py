"""Boxes from a classifier that has never seen one: where its cells are sure of a class.

A classifier that is asked at every position of an image tells where a class is: the
first idea of detection (Sermanet et al., 2014, https://arxiv.org/abs/1312.6229), which
looks at all positions in one pass of a convolutional network. Cells side by side that
answer with the same class are taken for one object.

It has limits that a model trained on boxes does not have. Boxes end where cells do,
which are about 32 pixels of the network's view apart; they hold the part of an object
by which its class is known, such as a face, rather than all of it; objects of a class
that touch are one; and everything is seen at one scale, at which what is smaller than
a few cells is not found.
"""

import numpy as np

from cnnxfer.tasks.boxes.answer import LEAST_SCORE

# The least probability of a cell of an object, as a share of the surest cell of its
# class in the image.
SHARE = 0.5
# The side of the square of cells whose mean is taken for the cell in its middle. A head
# has learned from pooled features, and a single cell is often sure of something else.
WINDOW = 3


def dense_boxes(
    cells: np.ndarray, size: tuple[int, int], least: float = LEAST_SCORE
) -> np.ndarray:
    """Returns the objects that the cells of an image show.

    Each is a group of cells that touch at a side, of one class, whose probability there
    is at least `SHARE` of its greatest in the image; the probability at a cell is the
    mean of the `WINDOW` x `WINDOW` cells around it. The box is the smallest around the
    cells, the score the greatest probability in it.

    Args:
        cells: the probabilities of the classes, float `(rows, columns, classes)`, at
            the cells of the whole image.
        size: the width and the height of the upright image, in pixels.
        least: the probability that a group needs, above 0.

    Returns:
        float32 `(objects, 6)`: left, top, right and bottom edge in pixels of the image,
        the score in [0, 1] and the class; the best first.
    """
    rows, columns = cells.shape[:2]
    across, down = size[0] / columns, size[1] / rows
    from scipy import ndimage  # slow to import

    cells = ndimage.uniform_filter(cells, (WINDOW, WINDOW, 1), mode="nearest")
    best = cells.max(axis=(0, 1))
    found = []
    for label in np.flatnonzero(best >= least).tolist():
        heat = cells[..., label]
        groups, _ = ndimage.label(heat >= SHARE * best[label])
        for number, (below, beside) in enumerate(ndimage.find_objects(groups), 1):
            score = heat[groups == number].max()
            if score >= least:
                left, right = beside.start * across, beside.stop * across
                top, bottom = below.start * down, below.stop * down
                found.append((left, top, right, bottom, score, label))
    objects = np.array(found, np.float32).reshape(-1, 6)
    return objects[np.argsort(-objects[:, 4], kind="stable")]
