"""Draws what a data set knows of an image into it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from cnnxfer.data.annotation import Annotation
from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.images.drawing import colour_mask, draw_boxes
from cnnxfer.data.objects import Objects
from cnnxfer.errors import DataError


def draw_annotation(
    image: Image.Image,
    annotation: Annotation,
    class_names: Sequence[str],
    size: tuple[int, int] | None = None,
) -> Image.Image:
    """Returns a copy of an image with its labelled boxes or its mask.

    It is returned as it is if its annotation knows no places, if its mask cannot be
    read, or if nobody knows for which size its boxes are.

    Args:
        image: the whole upright image, of mode RGB and of any size.
        annotation: what the data set knows of it.
        class_names: the names of the classes, in label order.
        size: the width and height of the image in pixels; None if only the annotation
            may know them.
    """
    if isinstance(annotation, Objects):
        items = annotation.objects
        size = size or (annotation.width, annotation.height)
        if not all(size):
            return image
        boxes = np.reshape([item.box for item in items], (-1, 4))
        scale = np.tile(np.divide(image.size, size), 2)
        return draw_boxes(
            image, boxes * scale, [item.label for item in items], class_names
        )
    if isinstance(annotation, ClassMask):
        try:
            mask = Image.fromarray(annotation.pixels())
        except DataError:
            return image
        nearest = mask.resize(image.size, Image.Resampling.NEAREST)
        return colour_mask(image, np.asarray(nearest))
    return image
