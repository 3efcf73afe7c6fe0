"""Masks that are drawn from the outlines of objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cnnxfer.data.class_mask import IGNORED, ClassMask
from cnnxfer.data.dataset import SEGMENTATION, Dataset
from cnnxfer.data.masks.class_masks import BACKGROUND
from cnnxfer.data.masks.rle import counts_for, counts_of, paint
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.errors import DataError

BACKGROUND_VALUE = 0  # an object has its label and one
MAX_CLASSES = IGNORED - 1  # besides the background
LEAST_NUMBERS = 6  # of a polygon: three points


@dataclass(frozen=True, slots=True)
class PolygonMask:
    """A mask that is drawn when it is read.

    A smaller object lies over a larger one, as a cup on a table does, and of two equal
    ones the later over the earlier. Pixels of a crowd without an outline are ignored,
    where no object lies.

    Attributes:
        name: identifies the mask within the data set: the id of its picture.
        objects: the objects, with outlines.
    """

    name: str
    objects: Objects

    def read(self, width: int, height: int) -> np.ndarray:
        """Returns the value of each pixel, uint8 `(height, width)`.

        A pixel is an object's if its middle lies in the outline, as COCO's library
        decides it.

        Raises:
            DataError: if an object has run lengths for another size; the message is
                only the reason.
        """
        columns = np.full((width, height), BACKGROUND_VALUE, np.uint8)
        shapes = []
        for item in self.objects.objects:
            polygons = _usable(item)
            value = item.label + 1
            if not polygons and not item.rle:  # a crowd's box
                left, top, right, bottom = item.box
                polygons = [(left, top, right, top, right, bottom, left, bottom)]
                value = IGNORED
            if item.rle:
                counts = counts_for(item.rle, width, height)
            else:
                counts = _counts_within(polygons, width, height)
            size = float("inf") if value == IGNORED else sum(counts[1::2])
            shapes.append((size, value, counts))
        for _, value, counts in sorted(shapes, key=lambda it: it[0], reverse=True):
            paint(columns, counts, value)
        return np.ascontiguousarray(columns.T)


def masks_of(dataset: Dataset) -> Dataset:
    """Returns a data set of objects with outlines as one of masks.

    What is in no outline is of the class `BACKGROUND`.

    Raises:
        DataError: if objects have a box and no outline, or there are too many classes.
    """
    title = dataset.title or dataset.name
    if len(dataset.class_names) > MAX_CLASSES:
        raise DataError(
            f"{title} has {len(dataset.class_names):,} classes; masks have at most "
            f"{MAX_CLASSES} besides the background."
        )
    _require_outlines(dataset, title)
    names = tuple(sorted({*dataset.class_names, BACKGROUND}))
    numbers = {name: label for label, name in enumerate(names)}
    background = numbers[BACKGROUND]
    values = {BACKGROUND_VALUE: background}
    for label, name in enumerate(dataset.class_names):
        values[label + 1] = numbers[name]
    examples = []
    for example in dataset.examples:
        objects = example.annotation
        assert isinstance(objects, Objects)
        # An outline around the whole picture is too rare to be looked for.
        labels = {background, *(values[label + 1] for label in objects.labels)}
        mask = ClassMask(
            PolygonMask(example.id, objects), values, tuple(sorted(labels))
        )
        examples.append(replace(example, annotation=mask))
    return replace(
        dataset, class_names=names, examples=tuple(examples), task=SEGMENTATION
    )


def _require_outlines(dataset: Dataset, title: str) -> None:
    bare = total = 0
    first = ""
    for example in dataset.examples:
        if not isinstance(example.annotation, Objects):
            raise DataError(
                f"{title} has neither masks nor outlines of objects; expected pictures "
                "beside a folder of masks, or objects with polygons."
            )
        for item in example.annotation.objects:
            total += 1
            if not item.crowd and not item.rle and not _usable(item):
                bare += 1
                first = first or example.id
    if bare:
        raise DataError(
            f"{bare:,} of the {total:,} objects of {title} have a box and no outline, "
            f"such as in {first}; expected polygons, from which masks are drawn. Draw "
            "them, or learn the boxes."
        )


def _usable(item: LabelledBox) -> Sequence[Sequence[float]]:
    return [it for it in item.polygons if len(it) >= LEAST_NUMBERS]


def _counts_within(
    polygons: Sequence[Sequence[float]], width: int, height: int
) -> list[int]:
    from faster_coco_eval.core import mask as outlines

    encoded = outlines.frPyObjects([list(it) for it in polygons], height, width)
    return counts_of(outlines.merge(encoded)["counts"].decode())
