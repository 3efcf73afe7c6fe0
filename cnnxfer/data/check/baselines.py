"""What a model must beat that has learned nothing but what is usual, and sizes."""

from collections.abc import Iterator

import numpy as np

from cnnxfer.data.check.annotated import class_pixels, pictures_with_objects
from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import Figure
from cnnxfer.data.dataset import TEST, TRAIN, VALIDATION
from cnnxfer.data.objects import Objects

# COCO's bounds between small, medium and large objects, by the area of the box here
# and of the outline there: https://cocodataset.org/#detection-eval
SMALL_AREA, MEDIUM_AREA = 32**2, 96**2


def baselines(data: InspectedData) -> tuple[Figure, ...]:
    """Returns figures of the data that results of a model are to be held against."""
    return (*_of_boxes(data), *_of_masks(data))


def _of_boxes(data: InspectedData) -> Iterator[Figure]:
    pictures = dict(pictures_with_objects(data))
    if not pictures:
        return
    areas = np.array(
        [
            (right - left) * (bottom - top)
            for objects in pictures.values()
            for left, top, right, bottom in (item.box for item in objects.objects)
        ]
    )
    each = len(areas) / len(pictures)
    if all(len(objects.objects) == 1 for objects in pictures.values()):
        yield from _mean_box(data, pictures)
    else:
        empty = sum(not objects.objects for objects in pictures.values())
        yield Figure(
            "objects",
            each,
            f"{each:.1f} objects a picture, none in {empty:,} of {len(pictures):,}; "
            "a model that finds nothing has an average precision of 0",
        )
    if len(areas):
        small = float((areas < SMALL_AREA).mean())
        large = float((areas >= MEDIUM_AREA).mean())
        yield Figure(
            "small-objects",
            small,
            f"by COCO's bounds of 32 and 96 pixels squared, {small:.0%} of the objects "
            f"are small, {1 - small - large:.0%} medium and {large:.0%} large",
        )


def _mean_box(data: InspectedData, pictures: dict[int, Objects]) -> Iterator[Figure]:
    """Yields how well the mean box of training fits the boxes of other pictures."""
    fractions = {
        index: np.array(objects.objects[0].box)
        / np.array([objects.width, objects.height] * 2)
        for index, objects in pictures.items()
    }
    train, (name, others) = _in(data, TRAIN), _measured(data)
    if not train or not others:
        return
    mean = np.mean([fractions[index] for index in train], axis=0)
    boxes = np.array([fractions[index] for index in others])
    overlap = float(_iou(mean, boxes).mean())
    yield Figure(
        "mean-box-iou",
        overlap,
        f"always answering the mean box has a mean IoU of {overlap:.3f} on {name}; a "
        "model must beat it",
    )


def _iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns the intersection over union of one box and each of many.

    Args:
        box: `(4,)`: left, top, right and bottom.
        boxes: `(boxes, 4)`.
    """
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    common = (high - low).clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    overlaps: np.ndarray = common / ((box[2:] - box[:2]).prod() + areas - common)
    return overlaps


def _of_masks(data: InspectedData) -> Iterator[Figure]:
    train = class_pixels(data, _in(data, TRAIN))
    name, others = _measured(data)
    pixels = class_pixels(data, others)
    if not train or not pixels:
        return
    largest = max(train, key=train.__getitem__)
    share = pixels[largest] / pixels.total()
    mean = share / len(pixels.keys() | {largest})
    yield Figure(
        "largest-class-share",
        share,
        f"always answering {data.class_names[largest]} has a pixel accuracy of "
        f"{share:.3f} and a mean IoU of {mean:.3f} on {name}; a model must beat it",
    )


def _measured(data: InspectedData) -> tuple[str, list[int]]:
    """Returns the split that figures are for, and its pictures."""
    name = TEST if TEST in data.splits else VALIDATION
    return name, _in(data, name)


def _in(data: InspectedData, split: str) -> list[int]:
    return [index for index in data.sound if data.splits[index] == split]
