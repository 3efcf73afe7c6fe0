"""Writer of COCO's JSON, one document of all images, objects and classes."""

from collections.abc import Iterable, Iterator
from typing import Any, TextIO

import numpy as np

from cnnxfer.data.masks.rle import text_of_mask
from cnnxfer.files import json_text
from cnnxfer.prediction.outputs.class_pixels import pixels_of_classes, tight_box
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import FoundObject
from cnnxfer.tasks.boxes.answer import BOX_DIGITS


def write_coco(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes the document when all images have been answered.

    Ids begin with 1, in the order of the images, their objects and the classes. An
    object has its score, as in COCO's results. Of a mask, the pixels of each class but
    the background are an object, in run lengths. An image without objects is listed;
    one that cannot be read is not.

    Source: https://cocodataset.org/#format-data.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    class_names: tuple[str, ...] = ()
    for prediction in predictions:
        class_names = prediction.answer.class_names
        if prediction.error is not None:
            continue
        images.append(
            {
                "id": len(images) + 1,
                "file_name": prediction.path,
                "width": prediction.width,
                "height": prediction.height,
            }
        )
        for item in _annotations(prediction):
            ids = {"id": len(annotations) + 1, "image_id": len(images)}
            annotations.append(ids | item)
    categories = [
        {"id": number, "name": name} for number, name in enumerate(class_names, start=1)
    ]
    document = {"images": images, "annotations": annotations, "categories": categories}
    stream.write(json_text(document, encoding=stream.encoding) + "\n")


def _annotations(prediction: Prediction) -> Iterator[dict[str, Any]]:
    yield from map(_of_object, prediction.objects)
    if prediction.mask is not None:
        for index, pixels in pixels_of_classes(prediction):
            yield _of_pixels(index, pixels)


def _of_pixels(index: int, pixels: np.ndarray) -> dict[str, Any]:
    left, top, right, bottom = tight_box(pixels)
    return {
        "category_id": index + 1,
        "segmentation": {
            "size": list(pixels.shape),
            "counts": text_of_mask(pixels),
        },
        "bbox": [left, top, right - left, bottom - top],
        "area": int(pixels.sum()),
        "iscrowd": 0,
    }


def _of_object(item: FoundObject) -> dict[str, Any]:
    left, top, right, bottom = item.box
    width = round(right - left, BOX_DIGITS)
    height = round(bottom - top, BOX_DIGITS)
    return {
        "category_id": item.index + 1,
        "bbox": [left, top, width, height],
        "area": round(width * height, 2 * BOX_DIGITS),
        "iscrowd": 0,
        "score": item.score,
    }
